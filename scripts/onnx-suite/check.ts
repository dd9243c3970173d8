/**
 * `npm run check:onnx-suite`: the models of onnx's own backend suite, asked of the model server and of onnxruntime in Python
 * (suite.py). Needs Python 3 with venv and its package index; nothing is installed, and nothing stays.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The suite of this release; the runtime is that of the binding. */
const PACKAGES = ['onnx==1.18.0', 'onnxruntime==1.30.0', 'numpy==2.2.6', 'ml_dtypes==0.5.1']
const ROOT = fileURLToPath(new URL('../../', import.meta.url))

function run(program: string, ...args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

const scratch = await mkdtemp(join(tmpdir(), 'modelrelease-onnx-suite-'))
try {
  const python = join(scratch, 'bin/python')
  const made =
    (await run('python3', '-m', 'venv', scratch)) === 0 &&
    (await run(python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES)) === 0
  if (made) {
    const server = [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      join(ROOT, 'model-server/main.ts'),
    ]
    process.exitCode = await run(python, join(ROOT, 'scripts/onnx-suite/suite.py'), ...server)
  } else {
    console.log('left out: Python and its package index cannot be had here')
  }
} finally {
  await rm(scratch, { recursive: true, force: true })
}
