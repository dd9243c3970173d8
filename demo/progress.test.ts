import { describe, expect, jest, test } from '@jest/globals'
import { createProgress, stamp } from './progress.ts'

function fakeTerminal(isTTY: boolean): {
  isTTY: boolean
  columns: number
  write: (text: string) => void
  text: string
} {
  return {
    isTTY,
    columns: 40,
    text: '',
    write(text) {
      this.text += text
    },
  }
}

describe('telling what happens', () => {
  test.each([
    [0, '[  0.0 s]'],
    [12_345, '[ 12.3 s]'],
    [612_000, '[612.0 s]'],
  ])('%d ms is %s', (elapsedMs, text) => {
    expect(stamp(elapsedMs)).toBe(text)
  })

  test('lines carry the time since the start', () => {
    const terminal = fakeTerminal(false)
    let now = 1000
    const progress = createProgress(terminal, () => now)
    now += 12_340
    progress.say('release 2 promoted')
    expect(terminal.text).toBe('[ 12.3 s] release 2 promoted\n')
  })

  test('waiting is silent when not on a terminal', () => {
    const terminal = fakeTerminal(false)
    const progress = createProgress(terminal, () => 0)
    progress.waitFor('pods')
    progress.end()
    expect(terminal.text).toBe('')
  })

  test('on a terminal it shows a spinner and how long, and the next line replaces it', () => {
    jest.useFakeTimers()
    const terminal = fakeTerminal(true)
    const progress = createProgress(terminal, () => performance.now())
    progress.waitFor('pods')
    jest.advanceTimersByTime(2100)
    expect(terminal.text).toContain('⠋ pods (0 s)')
    expect(terminal.text).toContain('pods (2 s)')
    expect(terminal.text).not.toContain('\n')

    progress.say('pods are ready')
    const written = terminal.text
    expect(written).toMatch(/\r\u001b\[K\[ {2}2\.1 s\] pods are ready\n$/)
    jest.advanceTimersByTime(2000)
    expect(terminal.text).toBe(written)
    jest.useRealTimers()
  })

  test('a spinner line never wraps', () => {
    const terminal = fakeTerminal(true)
    const progress = createProgress(terminal, () => 0)
    progress.waitFor('x'.repeat(200))
    progress.end()
    const [line = ''] = terminal.text.split('\r\u001b[K').filter((part) => part !== '')
    expect(line).toHaveLength(39)
  })
})
