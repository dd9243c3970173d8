/**
 * The language of functions: what AWS documents for the runtime and no more. CloudFront's engine is of the family of njs,
 * which lacks much of what V8 has, and refuses to compile it when the function runs.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html (and -10.html)
 */
import { parse } from 'acorn'
import type { AnyNode, AssignmentProperty, ImportDeclaration, Literal, Program, Property } from 'acorn'

/** What `import` and `require` find. */
export const MODULES = ['cloudfront', 'crypto', 'querystring', 'buffer'] as const

/** A function that the runtime would not compile. */
class NotCompiled extends Error {
  constructor(name: 'SyntaxError' | 'ReferenceError', message: string, node: AnyNode) {
    super(`${message} in ${node.loc?.start.line ?? 1}`)
    this.name = name
  }
}

// Everything that is not named here is refused.
const SYNTAX = new Set<AnyNode['type']>([
  'Program',
  'EmptyStatement',
  'ExpressionStatement',
  'BlockStatement',
  'BreakStatement',
  'CatchClause',
  'ContinueStatement',
  'DoWhileStatement',
  'ForStatement',
  'ForInStatement',
  'IfStatement',
  'LabeledStatement',
  'ReturnStatement',
  'SwitchStatement',
  'SwitchCase',
  'ThrowStatement',
  'TryStatement',
  'VariableDeclaration',
  'VariableDeclarator',
  'WhileStatement',
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'RestElement',
  'ThisExpression',
  'ArrayExpression',
  'ObjectExpression',
  'Property',
  'UnaryExpression',
  'UpdateExpression',
  'BinaryExpression',
  'AssignmentExpression',
  'LogicalExpression',
  'MemberExpression',
  'ConditionalExpression',
  'CallExpression',
  'NewExpression',
  'SequenceExpression',
  'AwaitExpression',
  'Identifier',
  'Literal',
  'TemplateLiteral',
  'TemplateElement',
  'ImportDeclaration',
  'ImportDefaultSpecifier',
])

/** What the rest is called; what is missing here has the parser's name. */
const CALLED: Partial<Record<AnyNode['type'], string>> = {
  ArrayPattern: 'array destructuring',
  ObjectPattern: 'object destructuring',
  AssignmentPattern: 'default value of a parameter',
  SpreadElement: 'spread "..."',
  ChainExpression: 'optional chaining "?."',
  ClassDeclaration: 'class',
  ClassExpression: 'class',
  DebuggerStatement: 'debugger',
  ExportAllDeclaration: 'export',
  ExportDefaultDeclaration: 'export',
  ExportNamedDeclaration: 'export',
  ForOfStatement: 'for-of',
  ImportExpression: 'import()',
  MetaProperty: 'new.target or import.meta',
  TaggedTemplateExpression: 'tagged template',
  YieldExpression: 'yield',
}

/** How deep in what a node lies. */
type Place = { inArguments: boolean; inFunction: boolean }

/**
 * The text of a script that is a function of the modules and gives the handler. Throws what the runtime would throw before it
 * runs anything of the code: an Error named SyntaxError or ReferenceError. `runtime` is that of the FunctionConfig.
 */
export function scriptOf(code: string, runtime: string): string {
  const program = parsed(code)
  visit(program, { code, runtime, place: { inArguments: false, inFunction: false } })
  const imports = program.body.filter((node) => node.type === 'ImportDeclaration')
  const bindings = imports.map(
    ({ specifiers: [one], source }) =>
      `const ${one?.local.name ?? ''} = modules[${JSON.stringify(source.value)}];`,
  )
  // All on the first line, so that the lines are those of the code.
  return `(function (modules) { 'use strict'; ${bindings.join(' ')} ${without(code, imports)}
return typeof handler === 'undefined' ? undefined : handler })`
}

/** The code with these nodes left blank. */
function without(code: string, nodes: readonly AnyNode[]): string {
  return nodes.reduce((text, { start, end }) => {
    const blank = text.slice(start, end).replaceAll(/[^\n]/g, ' ')
    return text.slice(0, start) + blank + text.slice(end)
  }, code)
}

function parsed(code: string): Program {
  try {
    return parse(code, { ecmaVersion: 2022, sourceType: 'module', locations: true, ...TOP_LEVEL })
  } catch (error) {
    const { message, loc } = error as SyntaxError & { loc?: { line: number } }
    const told = new Error(`${message.replace(/ \(\d+:\d+\)$/, '')} in ${loc?.line ?? 1}`, { cause: error })
    told.name = 'SyntaxError'
    throw told
  }
}

const TOP_LEVEL = { allowAwaitOutsideFunction: false, allowReturnOutsideFunction: false } as const

type Visit = { code: string; runtime: string; place: Place }

function visit(node: AnyNode, given: Visit): void {
  const refused = refusedIn(node, given)
  if (refused !== undefined) throw new NotCompiled('SyntaxError', `${refused} not supported`, node)
  if (node.type === 'ImportDeclaration') assertKnownModule(node)
  const within = 'params' in node ? { inArguments: false, inFunction: true } : given.place
  for (const [name, value] of Object.entries(node)) {
    const isArgument =
      name === 'arguments' && (node.type === 'CallExpression' || node.type === 'NewExpression')
    const place = isArgument ? { ...within, inArguments: true } : within
    for (const child of [value].flat()) if (isNode(child)) visit(child, { ...given, place })
  }
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as AnyNode).type === 'string'
}

/** What of this node itself the runtime does not know. */
function refusedIn(node: AnyNode, { code, runtime, place }: Visit): string | undefined {
  if (!SYNTAX.has(node.type)) return CALLED[node.type] ?? node.type
  const refused = RULES.map((rule) => rule(node, place, code)).find((found) => found !== undefined)
  return refused ?? (runtime === 'cloudfront-js-1.0' ? newerThan10(node) : undefined)
}

type Rule = (node: AnyNode, place: Place, code: string) => string | undefined

const RULES: readonly Rule[] = [
  // "async arguments and closures are not supported"
  (node, { inArguments }) =>
    node.type === 'AwaitExpression' && inArguments ? 'await in arguments' : undefined,
  (node, { inArguments }) => (isAsync(node) && inArguments ? 'async function in arguments' : undefined),
  (node, { inFunction }) => (isAsync(node) && inFunction ? 'async function within a function' : undefined),
  (node) => ('generator' in node && node.generator ? 'generator function' : undefined),
  (node) => (node.type === 'LogicalExpression' && node.operator === '??' ? 'operator "??"' : undefined),
  (node) =>
    node.type === 'AssignmentExpression' && /^(&&|\|\||\?\?)=$/.test(node.operator)
      ? `operator "${node.operator}"`
      : undefined,
  (node) => (node.type === 'CatchClause' && !node.param ? 'catch without a variable' : undefined),
  (node) => (node.type === 'Property' ? refusedProperty(node) : undefined),
  (node) => (node.type === 'Literal' ? refusedLiteral(node) : undefined),
  (node) =>
    node.type === 'TemplateElement' && hasLongEscape(node.value.raw) ? 'escape "\\u{…}"' : undefined,
  (node, _, code) =>
    node.type === 'Identifier' && code.slice(node.start, node.end).includes('\\')
      ? 'escape in a name'
      : undefined,
  (node) =>
    node.type === 'ImportDeclaration' && node.specifiers[0]?.type !== 'ImportDefaultSpecifier'
      ? 'import of anything but the default'
      : undefined,
]

function isAsync(node: AnyNode): boolean {
  return 'async' in node && node.async
}

function refusedProperty({ shorthand, method, computed }: Property | AssignmentProperty): string | undefined {
  if (shorthand) return 'property without a value'
  if (method) return 'method without "function"'
  return computed ? 'computed name of a property' : undefined
}

function refusedLiteral({ regex, bigint, raw = '', value }: Literal): string | undefined {
  if (typeof bigint === 'string') return 'BigInt'
  if (typeof value === 'number' && /^0[bo]/i.test(raw)) return `number ${raw}`
  if (typeof value === 'string' && hasLongEscape(raw)) return 'escape "\\u{…}"'
  if (!regex) return undefined
  const flag = /[^gimy]/.exec(regex.flags)?.[0]
  if (flag !== undefined) return `flag "${flag}" of a regular expression`
  // Perl compatible: a bracket within a class begins no other class there, but "[]" in one is taken for the empty class.
  return /\[[^\]\\]*\[\^?\]/.test(regex.pattern) ? 'empty class within a class' : undefined
}

function hasLongEscape(raw: string): boolean {
  return /(^|[^\\])(\\\\)*\\u\{/.test(raw)
}

function assertKnownModule(node: ImportDeclaration): void {
  const name = String(node.source.value)
  if (!(MODULES as readonly string[]).includes(name))
    throw new NotCompiled('ReferenceError', `Cannot load module "${name}"`, node)
}

/** What runtime 2.0 has and 1.0 has not. */
function newerThan10(node: AnyNode): string | undefined {
  if (node.type === 'VariableDeclaration' && node.kind !== 'var') return `Token "${node.kind}"`
  if (node.type === 'ImportDeclaration') return 'Token "import"'
  if (isAsync(node)) return 'Token "async"'
  const isSeparated =
    node.type === 'Literal' && typeof node.value === 'number' && node.raw?.includes('_') === true
  return isSeparated ? `number ${node.raw ?? ''}` : undefined
}
