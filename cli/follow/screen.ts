/** A screen that is drawn over and over without flickering, and leaves the terminal as it was. */
import type { Sink } from '../io.ts'
import type { Size } from './view.ts'

// https://invisible-island.net/xterm/ctlseqs/ctlseqs.html; the other screen keeps what was there before, and no wrapped line shifts it.
const ENTER = '\u001B[?1049h\u001B[?25l'
const LEAVE = '\u001B[?25h\u001B[?1049l'
// Terminals that know it show the frame at once; others skip it.
const BEGIN = '\u001B[?2026h\u001B[H'
const END = '\u001B[J\u001B[?2026l'
const CLEAR_LINE = '\u001B[K'

export class Screen {
  readonly #sink: Sink
  readonly #onResize: () => void
  #shown = ''

  constructor(sink: Sink, onResize: () => void) {
    this.#sink = sink
    this.#onResize = () => {
      this.#shown = ''
      onResize()
    }
    sink.write(ENTER)
    sink.on?.('resize', this.#onResize)
  }

  get size(): Size {
    return { columns: this.#sink.columns ?? 80, rows: this.#sink.rows ?? 24 }
  }

  /** Writes the frame in one piece, over the one before; nothing where it is the same. */
  show(frame: readonly string[]): void {
    const text = frame.map((line) => `${line}${CLEAR_LINE}`).join('\r\n')
    if (text === this.#shown) return
    this.#shown = text
    this.#sink.write(`${BEGIN}${text}${END}`)
  }

  [Symbol.dispose](): void {
    this.#sink.off?.('resize', this.#onResize)
    this.#sink.write(LEAVE)
  }
}
