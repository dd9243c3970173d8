/**
 * What the browser does with the forms of a page: send the request, show its answer, keep the curl command up to date. It is
 * JavaScript for the browser and stands in the page as it is here. Without it the page still says all it has to say.
 */
export const SCRIPT = `
for (const form of document.querySelectorAll('form')) {
  const body = form.querySelector('textarea')
  const send = form.querySelector('.send')
  const status = form.querySelector('.status')
  const answer = form.querySelector('.answer')
  const curl = form.querySelector('.curl code')
  const copy = form.querySelector('.copy')
  const url = new URL(form.dataset.path, location.href)

  const quoted = (text) => "'" + text.replaceAll("'", "'\\\\''") + "'"
  // Numbers stay as they came: beyond 2^53 parsing would round them. Browsers that cannot do that show the text as it is.
  const exact = (_, value, { source }) => (typeof value === 'number' ? JSON.rawJSON(source) : value)
  const pretty = (text) => {
    try { return JSON.stringify(JSON.parse(text, exact), null, 2) } catch { return text }
  }
  const showCurl = () => {
    curl.textContent = 'curl ' + quoted(url.href) + " -H 'content-type: application/json' -d " + quoted(body.value.replace(/\\n\\s*/g, ' ').trim())
  }
  body.addEventListener('input', showCurl)
  showCurl()

  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    send.disabled = true
    status.className = 'status soft'
    status.textContent = 'Sending…'
    const started = performance.now()
    try {
      const response = await fetch(url, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: body.value,
      })
      const text = await response.text()
      const took = (performance.now() - started).toFixed(0)
      status.className = 'status ' + (response.ok ? 'ready' : 'not-ready')
      status.textContent = response.status + ' ' + response.statusText + ', ' + took + ' ms'
      answer.textContent = pretty(text)
    } catch (error) {
      status.className = 'status not-ready'
      status.textContent = 'No answer: ' + error.message
      answer.textContent = ''
    }
    answer.hidden = answer.textContent === ''
    send.disabled = false
  })
  body.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })

  // The clipboard is there only for pages that came over https or from this machine.
  copy.hidden = !navigator.clipboard
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(curl.textContent)
    copy.textContent = 'Copied'
    setTimeout(() => { copy.textContent = 'Copy' }, 1500)
  })
}
`
