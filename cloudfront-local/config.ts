/** The command line, read once: either a whole configuration or every problem at once. */
import { isIP } from 'node:net'
import { parseResolveEntry } from './http/resolve-map.ts'
import type { IdenticalPut } from './control-plane/distributions.ts'
import type { UnknownOrigin } from './edge/edge.ts'
import type { Range } from './propagation/propagation.ts'
import type { CloudFrontLocalOptions } from './start.ts'

/** `seedFile` is not read here. */
export type CommandLine =
  { type: 'Help' } | { type: 'Run'; options: CloudFrontLocalOptions; seedFile: string | undefined }

/** The command line is unusable; `problems` says everything that is wrong with it. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`invalid command line:\n- ${problems.join('\n- ')}`)
    this.problems = problems
  }
}

export const HELP = `A local emulator for Amazon CloudFront: the control plane that the AWS SDK talks to, and edges that proxy.

Usage: npm run cloudfront-local -- [flags]

  --host ADDRESS          listen on this IP address; repeatable (default 127.0.0.1)
  --port PORT             both APIs and the admin API (default 4570; 0: any free port)
  --edges N               number of edges, 1 to 16 (default 3)
  --edge-ports PORTS      first port of a row ("4571"), or one per edge ("4571,4580,4590");
                          0: any free ports (default 4571)
  --viewer-port PORT      one port more, behind which the edges take turns; the header
                          "X-Edge: 2" asks for one of them (default: no such port)
  --seed FILE             what to begin with, JSON or XML (default: one distribution,
                          E1HOUSINGLOCAL)
  --state FOLDER          keep everything in this folder over a restart; once it holds a state,
                          --seed is read no more (default: all is gone with the process)
  --resolve HOST=ADDRESS[:PORT]
                          where the DNS name of an origin lives; repeatable. Names that are not
                          mapped are answered 502 and never looked up
  --propagation-min MS    shortest time until an edge serves a new version (default 2000)
  --propagation-max MS    longest such time (default 10000)
  --store-propagation-min MS, --store-propagation-max MS
                          the same for the keys of KeyValueStores (default 200 and 2000)
  --random-seed N         same number, same propagation delays
  --audit FILE            append every call and every application by an edge, as JSON lines
  --identical-put WHAT    an update that changes nothing makes a new-etag (default) or keeps
                          the same-etag
  --unknown-origin WHAT   an id that is no origin's throws in selectRequestOriginById (default),
                          or is taken, and fails the request: 502
  --max-page-size N       cap of MaxItems in list calls, 1 to 100 (default 100)
  --help                  this text

Once everything listens, one JSON line on stdout tells the URLs and ports. SIGTERM and SIGINT
let requests in flight finish and end with exit code 0. A command line, seed or state folder that
cannot be used ends with exit code 2, anything else, such as a port that is taken, with 1.

Point an AWS SDK at it with AWS_ENDPOINT_URL_CLOUDFRONT=http://127.0.0.1:4570; any credentials do.
cloudfront-local/README.md tells the rest: the seed, the admin API, what is not as at CloudFront.
`

/** Every flag there is. */
export const FLAGS = [
  'host',
  'port',
  'edges',
  'edge-ports',
  'viewer-port',
  'seed',
  'state',
  'resolve',
  'propagation-min',
  'propagation-max',
  'store-propagation-min',
  'store-propagation-max',
  'random-seed',
  'audit',
  'identical-put',
  'unknown-origin',
  'max-page-size',
  'help',
] as const

const DEFAULT_PORT = 4570

type Flag = (typeof FLAGS)[number]
type Token = { name: Flag; value: string }

/** The values of the flags, and the problems found while reading them. */
class Flags {
  readonly problems: string[] = []
  readonly #tokens: readonly Token[]

  constructor(args: readonly string[]) {
    this.#tokens = readTokens(args, this.problems)
  }

  all(name: Flag): string[] {
    return this.#tokens.filter((token) => token.name === name).map(({ value }) => value)
  }

  last(name: Flag): string | undefined {
    return this.all(name).at(-1)
  }

  integer(name: Flag, fallback: number, least: number, most: number): number {
    const text = this.last(name)
    const value = text === undefined ? fallback : Number(text)
    if (text !== '' && Number.isInteger(value) && value >= least && value <= most) return value
    this.problems.push(`--${name} ${text ?? ''}: expected a whole number from ${least} to ${most}`)
    return fallback
  }

  /** From 0 to `most`; undefined without the flag. */
  optionalInteger(name: Flag, most: number): number | undefined {
    return this.last(name) === undefined ? undefined : this.integer(name, 0, 0, most)
  }
}

/** Read the arguments after the program's name. Throws ConfigError. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const flags = new Flags(args)
  if (flags.last('help') !== undefined) return { type: 'Help' }
  const edges = flags.integer('edges', 3, 1, 16)
  const options: CloudFrontLocalOptions = {
    hosts: readHosts(flags),
    port: flags.integer('port', DEFAULT_PORT, 0, 65_535),
    edges,
    edgePorts: readEdgePorts(flags, edges),
    resolve: readResolve(flags),
    propagation: readRange(flags, ['propagation-min', 'propagation-max'], { minMs: 2000, maxMs: 10_000 }),
    storePropagation: readRange(flags, ['store-propagation-min', 'store-propagation-max'], {
      minMs: 200,
      maxMs: 2000,
    }),
    identicalPut: readIdenticalPut(flags),
    unknownOrigin: readUnknownOrigin(flags),
    maxPageSize: flags.integer('max-page-size', 100, 1, 100),
    ...optional('randomSeed', flags.optionalInteger('random-seed', 2 ** 32 - 1)),
    ...optional('viewerPort', flags.optionalInteger('viewer-port', 65_535)),
    ...optional('auditFile', flags.last('audit')),
    ...optional('stateFolder', flags.last('state')),
  }
  if (flags.problems.length > 0) throw new ConfigError(flags.problems)
  return { type: 'Run', options, seedFile: flags.last('seed') }
}

function readHosts(flags: Flags): string[] {
  const hosts = flags.all('host')
  for (const host of hosts) {
    if (isIP(host) === 0) flags.problems.push(`--host ${host}: expected an IP address`)
  }
  return hosts.length === 0 ? ['127.0.0.1'] : hosts
}

function readResolve(flags: Flags): string[] {
  const entries = flags.all('resolve')
  for (const entry of entries) {
    if (parseResolveEntry(entry) !== undefined) continue
    flags.problems.push(`--resolve ${entry}: expected HOST=ADDRESS[:PORT] with an IP address`)
  }
  return entries
}

/** A member that is there only with a value: an absent option and an undefined one are not the same. */
function optional<K extends string, V>(name: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>)
}

const HOUR_MS = 3_600_000

/** Two flags for the ends of a range; a lower end above the default upper one moves it up. */
function readRange(flags: Flags, [min, max]: readonly [Flag, Flag], fallback: Range): Range {
  const minMs = flags.integer(min, fallback.minMs, 0, HOUR_MS)
  const maxMs = flags.integer(max, Math.max(fallback.maxMs, minMs), 0, HOUR_MS)
  if (minMs > maxMs) {
    flags.problems.push(`--${min} ${minMs}: greater than --${max} ${maxMs}; lower it or raise --${max}`)
  }
  return { minMs, maxMs }
}

function readIdenticalPut(flags: Flags): IdenticalPut {
  const text = flags.last('identical-put') ?? 'new-etag'
  if (text === 'same-etag') return 'SameEtag'
  if (text !== 'new-etag') flags.problems.push(`--identical-put ${text}: expected new-etag or same-etag`)
  return 'NewEtag'
}

function readUnknownOrigin(flags: Flags): UnknownOrigin {
  const text = flags.last('unknown-origin') ?? 'throws'
  if (text === 'fails') return 'FailsRequest'
  if (text !== 'throws') flags.problems.push(`--unknown-origin ${text}: expected throws or fails`)
  return 'Throws'
}

type Argument = { text: string; name: string; value: string | undefined }

/** node:util's parseArgs stops at its first problem, or takes the next flag for a value; this tells all of them. */
function readTokens(args: readonly string[], problems: string[]): Token[] {
  const found: Token[] = []
  for (const { text, name, value } of splitArguments(args)) {
    if (name === '') problems.push(`${text}: expected only flags`)
    else if (!isFlag(name)) problems.push(`--${name}: unknown flag; see --help`)
    else if (value === undefined) problems.push(`--${name}: needs a value`)
    else found.push({ name, value })
  }
  return found
}

/** `--name value`, `--name=value` and `--help`; anything else has an empty name. */
function splitArguments(args: readonly string[]): Argument[] {
  const found: Argument[] = []
  const rest = [...args]
  for (let text = rest.shift(); text !== undefined; text = rest.shift()) {
    const [, name = '', inline] = /^--([^=]*)(?:=(.*))?$/s.exec(text) ?? []
    const takesNext =
      name !== '' && name !== 'help' && inline === undefined && rest[0]?.startsWith('--') === false
    found.push({ text, name, value: name === 'help' ? '' : takesNext ? rest.shift() : inline })
  }
  return found
}

function isFlag(name: string): name is Flag {
  return (FLAGS as readonly string[]).includes(name)
}

function readEdgePorts(flags: Flags, edges: number): number[] {
  const text = flags.last('edge-ports') ?? String(DEFAULT_PORT + 1)
  const ports = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (ports.some((port) => !Number.isInteger(port) || port < 0 || port > 65_535)) {
    flags.problems.push(`--edge-ports ${text}: expected ports from 0 to 65535`)
    return []
  }
  const [first = 0] = ports
  if (ports.length === 1)
    return Array.from({ length: edges }, (_, index) => (first === 0 ? 0 : first + index))
  if (ports.length !== edges)
    flags.problems.push(`--edge-ports ${text}: ${ports.length} ports for ${edges} edges`)
  return ports
}
