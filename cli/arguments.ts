/** The command line as people write it for kubectl, turned into the one form that commander takes: the verb first. Pure. */
import type { Command, Option } from 'commander'

/** What one word says, or a flag and its value together. */
type Part = {
  kind: 'flag' | 'operand' | 'unknown'
  words: readonly string[]
  /** Of a flag. */
  option?: Option
  /** `--watch=false` takes back what was said before. */
  isOff?: boolean
  /** Where in the command line it stands. */
  at: number
}

/**
 * The same command line with the verb first, and each flag apart from its value. Flags may stand before the verb, as kubectl's
 * may; a switch may be `--watch=true` or `--watch=false`, and as with kubectl the last of several wins. What is not known
 * stays as it is, for commander to refuse.
 */
export function verbFirst(program: Command, argv: readonly string[]): string[] {
  const all = program.commands.flatMap(({ options }) => options)
  const readings = program.commands
    // A flag that the verb lacks is refused later; its value must not be taken for the verb meanwhile.
    .map((command) => readingOf(argv, [...command.options, ...all]))
    .filter(({ verb }, index) => verb?.words[0] === program.commands[index]?.name())
    .toSorted((one, other) => (one.verb?.at ?? 0) - (other.verb?.at ?? 0))
  // The value of a flag can look like a verb, and `-f` has a value for `apply` and none for `logs`: the first that fits.
  const { parts, verb } = readings[0] ?? readingOf(argv, all)
  const isStray = !readings[0] && parts.some(({ kind, at }) => kind === 'unknown' && at < (verb?.at ?? 0))
  if (!verb || isStray) return [...argv]
  // Help is about a verb; what else stands there does not matter to it.
  if (verb.words[0] === 'help')
    return parts.filter(({ kind }) => kind === 'operand').flatMap(({ words }) => words)
  return [verb, ...parts.filter((part) => part !== verb).filter(isInForce)].flatMap(({ words }) => words)
}

function readingOf(argv: readonly string[], options: readonly Option[]): { parts: Part[]; verb?: Part } {
  const parts = partsOf(argv, options)
  const verb = parts.find(({ kind }) => kind === 'operand')
  return verb ? { parts, verb } : { parts }
}

/** A switch is on unless a later word turns it off. */
function isInForce(part: Part, index: number, parts: readonly Part[]): boolean {
  if (part.isOff) return false
  return !parts.slice(index + 1).some(({ isOff, option }) => isOff && option === part.option)
}

function partsOf(argv: readonly string[], options: readonly Option[]): Part[] {
  const parts: Part[] = []
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? ''
    if (word === '--') return [...parts, { kind: 'unknown', words: argv.slice(at), at }]
    for (const said of saidBy(word, options)) {
      const value = argv[at + 1]
      const isOpen = said.option?.required === true && said.words.length === 1 && value !== undefined
      parts.push({ ...said, at, words: isOpen ? [...said.words, value] : said.words })
      if (isOpen) at += 1
    }
  }
  return parts
}

type Said = Omit<Part, 'at'>

/** What a word says: short switches may stand together, `-Aw`, and the last of them may have its value behind it, `-Anmodels`. */
function saidBy(word: string, options: readonly Option[]): Said[] {
  const [, flag, rest = ''] = /^(--[^=]*|-.)(.*)$/s.exec(word) ?? []
  if (flag === undefined) return [{ kind: 'operand', words: [word] }]
  const option = options.find(({ long, short }) => long === flag || short === flag)
  if (!option) return [{ kind: 'unknown', words: [word] }]
  if (option.required)
    return [{ kind: 'flag', words: rest === '' ? [flag] : [flag, rest.replace(/^=/, '')], option }]
  return flag === option.long || /^(?:$|=)/.test(rest)
    ? [switchOf(word, flag, rest, option)]
    : [{ kind: 'flag', words: [flag], option }, ...saidBy(`-${rest}`, options)]
}

/** A flag without a value, `--watch` or `--watch=true`. */
function switchOf(word: string, flag: string, rest: string, option: Option): Said {
  const isKnown = ['', '=true', '=false'].includes(rest)
  return isKnown
    ? { kind: 'flag', words: [flag], option, isOff: rest === '=false' }
    : { kind: 'unknown', words: [word] }
}
