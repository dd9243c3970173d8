import { describe, expect, test } from '@jest/globals'
import { choiceByProxy, inWords, settledChoice } from './kubernetes-choice.ts'

const said = (choice: ReturnType<typeof settledChoice>): string | undefined => choice && inWords(choice)

describe('which Kubernetes a node runs', () => {
  test.each([
    [
      'what is asked for, also where the current one is there',
      '1.20',
      true,
      /^Kubernetes 1\.20\.2 .*MODELREL/,
    ],
    [
      'what is asked for, built or not',
      '1.36',
      false,
      /^Kubernetes 1\.36\.2 from Go modules \(as --kubernetes/,
    ],
    ['the current one where it was built before', 'auto', true, /^Kubernetes 1\.36\.2 .*built before/],
  ] as const)('%s', (_name, asked, built, words) => {
    expect(said(settledChoice(asked, built))).toMatch(words)
  })

  test('without any of this, what the Go module proxy allows', () => {
    expect(settledChoice('auto', false)).toBeUndefined()
    expect(inWords(choiceByProxy(undefined))).toBe(
      'Kubernetes 1.36.2 from Go modules (the default; the Go module proxy answers)',
    )
    const refused = inWords(choiceByProxy('dial tcp: connection refused'))
    expect(refused).toMatch(
      /^Kubernetes 1\.20\.2 from Debian's sources \(.*dial tcp: connection refused.*GOPROXY/,
    )
  })
})
