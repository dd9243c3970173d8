/** The final table of the demo: one row per release, the same widths whatever it says. */

export type ReleaseRow = {
  release: string
  outcome: string
  /** Duration of each phase in milliseconds, by the name of its column; a phase that did not happen is left out. */
  phases: Readonly<Record<string, number>>
  /** Requests that were due during this release, and how many of them failed. */
  requests: number
  failures: number
  longestGapMs: number
}

export type Table = { phases: readonly string[]; rows: readonly ReleaseRow[]; style: 'plain' | 'color' }

type Column = { title: string; width: number; align: 'left' | 'right' }
type Cell = { text: string; paint?: Paint }
type Paint = keyof typeof PAINTS

const PAINTS = { bold: '\u001b[1m', red: '\u001b[31m', green: '\u001b[32m' } as const
const RESET = '\u001b[0m'
const NEVER_HAPPENED = '-'
const SEPARATOR = '  '

/** Renders the table, one line per release under a heading, without a final line break. */
export function renderTable({ phases, rows, style }: Table): string {
  const columns: Column[] = [
    { title: 'release', width: 34, align: 'left' },
    { title: 'outcome', width: 10, align: 'left' },
    ...phases.map((title): Column => ({ title, width: 8, align: 'right' })),
    { title: 'requests', width: 8, align: 'right' },
    { title: 'failed', width: 6, align: 'right' },
    { title: 'longest gap', width: 11, align: 'right' },
  ]
  const line = (cells: Cell[]): string =>
    columns
      .map((column, i) => render(cells[i] ?? { text: '' }, column, style))
      .join(SEPARATOR)
      .trimEnd()
  return [
    line(columns.map(({ title }) => ({ text: title, paint: 'bold' }))),
    columns.map(({ width }) => '-'.repeat(width)).join(SEPARATOR),
    ...rows.map((row) => line(cellsOf(row, phases))),
  ].join('\n')
}

function cellsOf(row: ReleaseRow, phases: readonly string[]): Cell[] {
  return [
    { text: row.release },
    { text: row.outcome },
    ...phases.map((phase) => ({ text: seconds(row.phases[phase]) })),
    { text: String(row.requests) },
    { text: String(row.failures), paint: row.failures === 0 ? 'green' : 'red' },
    { text: `${Math.round(row.longestGapMs)} ms` },
  ]
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? NEVER_HAPPENED : `${(ms / 1000).toFixed(1)} s`
}

/** Cuts or pads to the width first: escape codes have no width. */
function render({ text, paint }: Cell, { width, align }: Column, style: Table['style']): string {
  const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text
  const padded = align === 'left' ? cut.padEnd(width) : cut.padStart(width)
  return style === 'color' && paint ? `${PAINTS[paint]}${padded}${RESET}` : padded
}
