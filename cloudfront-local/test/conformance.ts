/** Whether what the control plane says of an operation is what CloudFront's own model has. */
import { OPERATIONS } from '../model/cloudfront.ts'
import { mayAnswer, membersOf, payloadOf } from '../model/model.ts'
import { judgeShape } from '../control-plane/shape.ts'
import { parseXml } from '../control-plane/xml.ts'
import type { Outcome } from '../control-plane/control-plane.ts'

/** What the model does not have; empty when all is well. */
export function problemsOf(outcome: Outcome): string[] {
  const { operation } = outcome
  const found =
    'error' in outcome
      ? mayAnswer(operation, outcome.error.code)
        ? []
        : [`answers ${outcome.error.code}, which it does not declare (${outcome.error.message})`]
      : [...wrongHead(outcome), ...wrongBody(outcome)]
  return found.map((problem) => `${operation} ${problem}`)
}

type Answered = Extract<Outcome, { answer: unknown }>

function wrongHead({ operation, answer }: Answered): string[] {
  const { status, output } = OPERATIONS[operation] ?? {}
  const named = Object.entries(membersOf(output))
    .filter(([, member]) => member.in === 'Header')
    .map(([name, member]) => ({ member: name.toLowerCase(), header: (member.name ?? name).toLowerCase() }))
  const sent = Object.keys(answer.headers ?? {})
  const unread = sent.filter(
    (name) => !named.some(({ member, header }) => name === header || name === member),
  )
  return [
    ...(answer.status === status ? [] : [`answers ${answer.status}, not ${String(status)}`]),
    ...named.filter(({ header }) => !sent.includes(header)).map(({ header }) => `has no header ${header}`),
    ...unread
      .filter((name) => name !== 'content-type')
      .map((name) => `has the header ${name}, which nobody reads`),
  ]
}

function wrongBody({ operation, answer: { body } }: Answered): string[] {
  const payload = payloadOf(OPERATIONS[operation]?.output)
  if (payload === undefined) return body === '' ? [] : ['has a body, which nobody reads']
  if (payload.type === 'Blob') return body === '' ? ['has an empty body'] : []
  const root = parseXml(body)
  if (root.name !== payload.root) return [`answers ${root.name}, not ${payload.root}`]
  const error = judgeShape(root, payload.type)
  return error === undefined ? [] : [`answers what the model has not: ${error.message}`]
}
