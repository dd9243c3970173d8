import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseXml, renderXml, XmlSyntaxError } from './xml.ts'
import type { XmlElement } from './xml.ts'

test('keeps order, repeated elements, attributes, prefixes and empty elements', () => {
  const xml = '<A b="1 &amp; 2"><Z>1</Z><B></B><Z>2</Z><n:C x="y">007</n:C></A>'
  expect(renderXml(parseXml(xml))).toBe(xml)
})

test('drops the indentation between elements, and keeps blanks that are content', () => {
  const xml = '<?xml version="1.0"?>\n<A>\n  <B>  two  </B>\n  <C> </C>\n</A>\n'
  expect(renderXml(parseXml(xml))).toBe('<A><B>  two  </B><C> </C></A>')
})

test('reads the numeric references that the AWS SDK writes for line ends', () => {
  expect(parseXml('<A>one&#x0D;&#x0A;two</A>').children).toEqual(['one\r\ntwo'])
})

test.each(['', '   ', 'text', '{}', '<A>', '<A></B>', '<A/><B/>', '<A>&</B>', '<!DOCTYPE a><a/>'])(
  'refuses %j',
  (xml) => {
    expect(() => parseXml(xml)).toThrow(XmlSyntaxError)
  },
)

const name = fc.stringMatching(/^[A-Z][A-Za-z]{0,8}$/)
const content = fc.string({
  maxLength: 20,
  unit: fc.constantFrom('a', ' ', '1', '&', '<', '>', '"', "'", '\n', '\t', ';', '#', 'x', 'é'),
})
const tree = fc.letrec<{ node: XmlElement }>((tie) => ({
  node: fc.record({
    name,
    attributes: fc.dictionary(name, content, { maxKeys: 2 }),
    children: fc.oneof(
      { maxDepth: 4 },
      content.map((text) => (text === '' ? [] : [text])),
      fc.array(tie('node'), { maxLength: 4 }),
    ),
  }),
})).node

test('whatever is written is read again as it was', () => {
  fc.assert(
    fc.property(tree, (element) => {
      expect(renderXml(parseXml(renderXml(element)))).toBe(renderXml(element))
    }),
  )
})
