/**
 * The locale that onnxruntime takes to lower and raise the case of text (StringNormalizer, in every CountVectorizer and
 * TfidfVectorizer of scikit-learn). It asks for en_US.UTF-8 by name, and slim images have only C.utf8, whose letters are the same.
 */
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { mentions } from './protobuf.ts'

const LOCALES = '/usr/lib/locale'
const NAME = 'en_US.utf8'
const OPERATOR = 'StringNormalizer'

let provided = false

/**
 * See to it that a model finds its locale, where it needs one and the machine has none: under a name in a folder of our own. The
 * image has the name already, so that nothing is written there. To be called on the main thread: of the environment, which is
 * where the C library looks, other threads have a copy.
 */
export function provideLocale(model: Uint8Array): void {
  if (provided || !mentions(model, OPERATOR)) return
  provided = true
  const [wanted, alike] = [join(LOCALES, NAME), join(LOCALES, 'C.utf8')]
  if (existsSync(wanted) || !existsSync(alike)) return
  const folder = mkdtempSync(join(tmpdir(), 'model-server-locale-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  symlinkSync(alike, join(folder, NAME))
  // eslint-disable-next-line no-restricted-properties -- a setting of the C library, not one of ours
  const { env } = process
  env.LOCPATH = env.LOCPATH ? `${env.LOCPATH}${delimiter}${folder}` : folder
}
