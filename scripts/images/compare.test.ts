import { expect, test } from '@jest/globals'
import { differences, filesOf } from './compare.ts'

const [ONE, OTHER] = ['1'.repeat(64), '2'.repeat(64)]

/** As `find -printf` and `sha256sum --zero` print a folder with a file, a link and a file whose name has a line break. */
function built({ mode = '644', owner = '0:0', target = 'main.js', digest = ONE } = {}): Map<string, string> {
  return new Map(
    filesOf(
      `\td 755 0:0 \0app/main.js\tf ${mode} ${owner} \0app/link\tl 777 0:0 ${target}\0app/odd\nname\tf 600 0:0 \0`,
      `${digest}  ./app/main.js\0${OTHER}  ./app/odd\nname\0`,
    ),
  )
}

test('of the same image nothing differs', () => {
  expect(built().get('app/main.js')).toBe(`f 644 0:0 ${ONE}`)
  expect(built().get('app/odd\nname')).toBe(`f 600 0:0 ${OTHER}`)
  expect(differences({ docker: built(), buildah: built() })).toEqual([])
})

test.each([
  ['a mode', { mode: '4755' }, `app/main.js: docker f 644 0:0 ${ONE}, buildah f 4755 0:0 ${ONE}`],
  ['an owner', { owner: '1000:0' }, `app/main.js: docker f 644 0:0 ${ONE}, buildah f 644 1000:0 ${ONE}`],
  ['a content', { digest: OTHER }, `app/main.js: docker f 644 0:0 ${ONE}, buildah f 644 0:0 ${OTHER}`],
  [
    'the target of a link',
    { target: 'other.js' },
    'app/link: docker l 777 0:0 main.js, buildah l 777 0:0 other.js',
  ],
])('%s that differs is told with both', (_, change, line) => {
  expect(differences({ docker: built(), buildah: built(change) })).toEqual([line])
})

test('a path that only one of them has is told', () => {
  const fewer = built()
  fewer.delete('app/link')
  expect(differences({ docker: fewer, buildah: built() })).toEqual([
    'app/link: docker lacks it, buildah l 777 0:0 main.js',
  ])
  expect(differences({ docker: built(), buildah: fewer })).toEqual([
    'app/link: docker l 777 0:0 main.js, buildah lacks it',
  ])
})
