/** Tells in the terminal what is happening: `[ 12.3 s] text`, and on a real terminal what is being waited for. */

export type Progress = {
  /** Writes a line that stays. */
  say: (text: string) => void
  /** Shows what is being waited for, with a spinner, until the next call; nothing is written when not on a terminal. */
  waitFor: (text: string) => void
  /** Clears the spinner and stops its timer; `say` may still be used. */
  end: () => void
}

/** The part of a stdout that is used. */
export type Terminal = { isTTY?: boolean; columns?: number; write: (text: string) => unknown }

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 120
const CLEAR_LINE = '\r\u001b[K'
const DEFAULT_COLUMNS = 80

/** Elapsed time as it stands before each line; milliseconds in, seconds out. */
export function stamp(elapsedMs: number): string {
  return `[${(elapsedMs / 1000).toFixed(1).padStart(5)} s]`
}

/** Starts counting time now; `now` gives milliseconds and must never step back. */
export function createProgress(terminal: Terminal, now: () => number = () => performance.now()): Progress {
  const startedAt = now()
  const elapsed = (): string => stamp(now() - startedAt)
  let spinner: NodeJS.Timeout | undefined
  let frame = 0

  const clear = (): void => {
    if (!spinner) return
    clearInterval(spinner)
    spinner = undefined
    terminal.write(CLEAR_LINE)
  }
  const draw = (text: string, waitingSince: number): void => {
    const waited = ((now() - waitingSince) / 1000).toFixed(0)
    const line = `${elapsed()} ${FRAMES[frame++ % FRAMES.length] ?? ''} ${text} (${waited} s)`
    // A line that wraps could not be cleared with one carriage return.
    terminal.write(CLEAR_LINE + line.slice(0, (terminal.columns ?? DEFAULT_COLUMNS) - 1))
  }
  return {
    say: (text) => {
      clear()
      terminal.write(`${elapsed()} ${text}\n`)
    },
    waitFor: (text) => {
      clear()
      if (!terminal.isTTY) return
      const waitingSince = now()
      draw(text, waitingSince)
      // A forgotten spinner must not keep the process alive.
      spinner = setInterval(() => draw(text, waitingSince), FRAME_MS).unref()
    },
    end: clear,
  }
}
