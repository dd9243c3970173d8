/** The page of a version of a model, for the eyes of a human. */
import { createHash } from 'node:crypto'
import type { TensorSpec } from '../tensor/tensor.ts'
import type { ExampleRequest } from './example-requests.ts'
import { Html, html } from './html.ts'
import type { LoadedView, ModelView } from './model-view.ts'
import { SCRIPT } from './page-script.ts'
import { STYLE } from './page-style.ts'

/** Whose server it is. */
export type Place = {
  /** In front of every path; may be empty. */
  basePath: string
  color: string | undefined
  release: string | undefined
  revision: string | undefined
  serverVersion: string
}

/** The page may do what it does, and nothing that somebody smuggles in. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src '${hashOf(STYLE)}'`,
  `script-src '${hashOf(SCRIPT)}'`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The page of one version; `others` are linked. */
export function modelPage(model: ModelView, others: readonly ModelView[], place: Place): string {
  const { name, version, loaded } = model
  const content = html` <header>
      <div class="head">
        <h1>${name}</h1>
        <span class="badge">version ${version}</span>
        ${place.color === undefined ? undefined : html`<span class="badge ${place.color}">${place.color}</span>`}
        ${readiness(model)}
      </div>
      ${facts(model, place)}
    </header>
    <main>
      ${loaded ? [tensors('Inputs', loaded.signature.inputs), tensors('Outputs', loaded.signature.outputs)] : undefined}
      ${loaded ? tries(loaded, place) : undefined}
    </main>
    ${otherModels(others, place)} ${links(place, model)}`
  return documentOf(`${name} ${version}`, content)
}

/** The page of a server without a model, or of one with several. */
export function indexPage(models: readonly ModelView[], place: Place): string {
  const content = html` <header><h1>Models</h1></header>
    <main>
      ${models.length === 0 ? html`<p class="reason">The server has no model.</p>` : table(models, place)}
    </main>
    ${links(place)}`
  return documentOf('Models', content)
}

function documentOf(title: string, content: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        ${new Html(`<style>${STYLE}</style>`)}
      </head>
      <body>
        ${content} ${new Html(`<script>${SCRIPT}</script>`)}
      </body>
    </html> `.text
}

function readiness({ notReadyBecause }: ModelView): Html {
  return notReadyBecause === undefined
    ? html`<span class="badge ready">ready</span>`
    : html`<span class="badge not-ready">not ready</span>`
}

function facts({ notReadyBecause, loaded }: ModelView, { release, revision }: Place): Html {
  const rows: [string, string | undefined, string?][] = [
    ['Why not', notReadyBecause, 'reason'],
    ['Digest', loaded && `sha256:${loaded.sha256}`],
    ['Release', release],
    ['Revision', revision],
    ['Columns', loaded?.columns?.join(', ')],
  ]
  const known = rows.filter(([, value]) => value !== undefined)
  if (known.length === 0) return html``
  return html`<dl>
    ${known.map(([term, value, style]) =>
      style === undefined
        ? html`<dt>${term}</dt>
            <dd><code>${value}</code></dd>`
        : html`<dt>${term}</dt>
            <dd class="${style}">${value}</dd>`,
    )}
  </dl>`
}

function tensors(title: string, specs: readonly TensorSpec[]): Html {
  return html`<h2>${title}</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Datatype</th>
            <th scope="col">Shape</th>
          </tr>
        </thead>
        <tbody>
          ${specs.map(
            ({ name, datatype, shape }) =>
              html`<tr>
                <td><code>${name}</code></td>
                <td><code>${datatype}</code></td>
                <td><code>${shapeOf(shape)}</code></td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`
}

function shapeOf(shape: readonly number[]): string {
  return `[${shape.map((size) => (size === -1 ? 'any' : size)).join(', ')}]`
}

function tries({ examples }: LoadedView, place: Place): Html {
  if (examples.length === 0) {
    return html`<h2>Try it</h2>
      <p class="soft">
        The inputs are too large to be typed. Send them as bytes: the binary tensor extension of the Open
        Inference Protocol.
      </p>`
  }
  return html`<h2>Try it</h2>
    ${examples.map((example, index) => tryOne(example, index, place))}`
}

function tryOne({ title, path, body, protocol }: ExampleRequest, index: number, { basePath }: Place): Html {
  const text = readable(body)
  const rows = Math.min(18, text.split('\n').length + 1)
  return html`<details name="protocol" ${index === 0 ? html` open` : undefined}>
    <summary>${title}<code>POST ${basePath}${path}</code></summary>
    <form class="body" data-path="${basePath}${path}">
      <label for="body-${protocol}">Request</label>
      <textarea
        id="body-${protocol}"
        rows="${rows}"
        spellcheck="false"
        autocapitalize="off"
        autocomplete="off"
      >
${text}</textarea>
      <div class="actions">
        <button class="send" type="submit">Send</button>
        <span class="status soft" role="status"></span>
      </div>
      <pre class="answer" tabindex="0" aria-label="Answer" hidden></pre>
      <div class="curl">
        <div>
          <span class="soft">The same in a shell</span><button class="copy" type="button" hidden>Copy</button>
        </div>
        <pre tabindex="0"><code></code></pre>
      </div>
    </form>
  </details>`
}

/** Objects over several lines, lists of plain values on one. */
function readable(value: unknown, indent = ''): string {
  const isPlain = (inner: unknown): boolean => typeof inner !== 'object' || inner === null
  if (isPlain(value)) return JSON.stringify(value)
  const deeper = `${indent}  `
  if (Array.isArray(value)) {
    const isShort = value.every((inner) => isPlain(inner) || (Array.isArray(inner) && inner.every(isPlain)))
    if (isShort) return JSON.stringify(value).replaceAll(',', ', ')
    return `[\n${value.map((inner) => deeper + readable(inner, deeper)).join(',\n')}\n${indent}]`
  }
  const fields = Object.entries(value as object)
  if (fields.every(([, inner]) => isPlain(inner))) {
    return `{ ${fields.map(([key, inner]) => `${JSON.stringify(key)}: ${JSON.stringify(inner)}`).join(', ')} }`
  }
  const lines = fields.map(([key, inner]) => `${deeper}${JSON.stringify(key)}: ${readable(inner, deeper)}`)
  return `{\n${lines.join(',\n')}\n${indent}}`
}

function otherModels(others: readonly ModelView[], place: Place): Html | undefined {
  if (others.length === 0) return undefined
  return html`<h2>Beside it</h2>
    ${table(others, place)}`
}

function table(models: readonly ModelView[], place: Place): Html {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col" class="narrow">Model</th>
          <th scope="col" class="narrow">Version</th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        ${models.map(
          (model) =>
            html`<tr>
              <td><a href="${pageOf(model, place)}">${model.name}</a></td>
              <td>${model.version}</td>
              <td>${readiness(model)} <span class="soft">${model.notReadyBecause}</span></td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

function pageOf({ name, version }: ModelView, { basePath }: Place): string {
  return `${basePath}/models/${name}/versions/${version}`
}

function links({ basePath, serverVersion }: Place, model?: ModelView): Html {
  const metadata = model && `${basePath}/v2/models/${model.name}/versions/${model.version}`
  return html`<footer class="soft">
    <h2>For programs</h2>
    <p>
      <a href="${basePath}/openapi.json">OpenAPI document</a> ·
      ${metadata === undefined ? undefined : html`<a href="${metadata}">metadata</a> · `}
      <a href="${basePath}/v2/health/ready">readiness</a> · model-server ${serverVersion}
    </p>
  </footer>`
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
