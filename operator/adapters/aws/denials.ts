/** What AWS says is not permitted. An update validates what is attached, so what is missing is often not the action that was called. */
import { describe, type Called, type Foreign } from './called.ts'

/** AWS does not know, or does not believe, who asks. */
const UNKNOWN_IDENTITY =
  /^(UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSignature|IncompleteSignature|MissingAuthenticationToken|AuthFailure)/

/** For example `lambda:EnableReplication*`; an ARN has no capital after a colon, or more parts. */
const IAM_ACTION = /(?<![\w:/.-])[a-z][a-z0-9-]+:(?:[A-Z][A-Za-z0-9]*\*?|\*)(?![\w:/])/g
const RESOURCE = /\bon (?:the )?resource:? ["']?(arn:[^\s"',;]+|\*)/i
const EXPLICIT_DENY = /explicit deny in (?:an?|the) ([a-z -]*?(?:policy|boundary))/i
const PERMISSION = /permission|authori[sz]ed|polic(?:y|ies)\b|\bIAM\b|\bdeny\b/i
/** The account itself, and not a permission in it. */
const ACCOUNT =
  /^(OptInRequired|AccountProblem)|AWS Support|\bverified\b|\bsuspended\b|\bsubscription\b|\bnot (?:yet )?(?:enabled|activated)\b/i

export function isUnknownIdentity(name: string): boolean {
  return UNKNOWN_IDENTITY.test(name)
}

/** Whether a refusal of any name is for want of a permission that its text names. */
export function lacksPermission(text: string): boolean {
  return PERMISSION.test(text) && actionsIn(text).length > 0
}

/**
 * The action and resource that AWS's own text names come first and whole; the action of the call itself only where the
 * text names none.
 */
export function describeDenial(called: Called, foreign: Foreign): string {
  const { name = '', message = '' } = foreign
  const said = describe(called, foreign)
  if (isUnknownIdentity(name))
    return `AWS does not accept the operator's credentials: check them, and the clock of its node (${said})`
  const actions = actionsIn(message)
  if (actions.length === 0 && ACCOUNT.test(`${name} ${message}`)) return said
  const need = needed(actions, message, called)
  const denier = EXPLICIT_DENY.exec(message)?.[1]
  return denier === undefined
    ? `the operator's credentials need ${need} (${said})`
    : `an explicit deny in a ${denier} takes ${need} from the operator's credentials: have it lifted (${said})`
}

/** Actions and resource, for example `the IAM action kms:Decrypt on arn:…`. */
function needed(named: readonly string[], text: string, { action, arn }: Called): string {
  const actions = named.length > 0 ? named : [action]
  // What the text says of our own action is about what was called.
  const own = actions.every((one) => one === action) ? arn : undefined
  const resource = RESOURCE.exec(text)?.[1] ?? own
  const what = `the IAM action${actions.length > 1 ? 's' : ''} ${actions.join(' and ')}`
  return resource === undefined ? what : `${what} on ${resource}`
}

/** In the order in which they are named, each once. */
function actionsIn(text: string): string[] {
  return [...new Set(text.match(IAM_ACTION))]
}
