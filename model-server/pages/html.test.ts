import { expect, test } from '@jest/globals'
import { Html, html } from './html.ts'

test.each([
  [
    'text',
    '<script>alert("a" & \'b\')</script>',
    '&#60;script&#62;alert(&#34;a&#34; &#38; &#39;b&#39;)&#60;/script&#62;',
  ],
  ['a number', 4, '4'],
  ['nothing', undefined, ''],
  ['a part of a page', html`<b>${'<'}</b>`, '<b>&#60;</b>'],
  ['several', ['<', html`<i></i>`], '&#60;<i></i>'],
  ['what is safe already', new Html('<i>'), '<i>'],
])('%s in a page', (_, value, text) => {
  expect(html`${value}`.text).toBe(text)
})
