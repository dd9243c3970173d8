/**
 * push.sh against a real registry (Debian's docker-registry), and sign.sh with a real cosign where one was compiled. Left out
 * where these are not installed; npm run check:delivery installs them.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { builtTool, toolsFolder } from '../built-tools.ts'
import { freePort } from '../free-port.ts'
import { ROOT } from './test/programs.ts'

const have = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const withRegistry = have('docker-registry') && have('skopeo') ? describe : describe.skip
const COSIGN = builtTool('cosign') ?? ''

type Ran = { status: number | null; stdout: string; stderr: string }

const digestOf = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

/** A whole, small image as an OCI archive; another `word` is another image. */
function archive(folder: string, word: string): string {
  const root = join(folder, word)
  mkdirSync(join(root, 'blobs/sha256'), { recursive: true })
  const blob = (bytes: Buffer | string, mediaType: string): object => {
    const digest = digestOf(bytes)
    writeFileSync(join(root, 'blobs/sha256', digest), bytes)
    return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(bytes) }
  }
  writeFileSync(join(root, 'word'), word)
  const layer = spawnSync('tar', ['--create', '--directory', root, 'word']).stdout
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [`sha256:${digestOf(layer)}`] },
  })
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: blob(config, 'application/vnd.oci.image.config.v1+json'),
    layers: [blob(layer, 'application/vnd.oci.image.layer.v1.tar')],
  })
  const index = {
    schemaVersion: 2,
    manifests: [blob(manifest, 'application/vnd.oci.image.manifest.v1+json')],
  }
  writeFileSync(join(root, 'index.json'), JSON.stringify(index))
  writeFileSync(join(root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  const file = join(folder, `${word}.tar`)
  spawnSync('tar', ['--create', '--file', file, '--directory', root, 'blobs', 'index.json', 'oci-layout'])
  return file
}

withRegistry('a real registry', () => {
  let folder: string
  let registry: ChildProcess
  let address: string
  /** By their words: an image that is built again is another one. */
  const archives = new Map<string, string>()
  const built = (word: string): string => {
    const file = archives.get(word) ?? archive(folder, word)
    archives.set(word, file)
    return file
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'registry-'))
    address = `localhost:${await freePort()}`
    const config = {
      version: 0.1,
      storage: { filesystem: { rootdirectory: join(folder, 'data') } },
      http: { addr: address },
    }
    writeFileSync(join(folder, 'config.yml'), JSON.stringify(config))
    registry = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore' })
    while (
      !(await fetch(`http://${address}/v2/`).then(
        ({ ok }) => ok,
        () => false,
      ))
    )
      await setTimeout(100)
  })
  afterAll(() => {
    registry.kill()
    rmSync(folder, { recursive: true })
  })

  function run(script: string, args: string[], environment: Record<string, string> = {}): Ran {
    const { status, stdout, stderr } = spawnSync('bash', [join(ROOT, 'scripts/ci', script), ...args], {
      env: { PATH: process.env.PATH ?? '', HOME: folder, MODELRELEASE_TOOLS: toolsFolder(), ...environment },
      encoding: 'utf8',
    })
    return { status, stdout: stdout.trim(), stderr }
  }
  const push = (word: string, commit: string): Ran =>
    run('push.sh', [built(word), `${address}/model-server`], { CIRCLE_SHA1: commit })

  test('the image is there by the digest that is printed, and by the tag of its commit', async () => {
    const { status, stdout } = push('one', 'c1')
    expect(status).toBe(0)
    const [, digest = ''] = /^localhost:\d+\/model-server@(sha256:[0-9a-f]{64})$/.exec(stdout) ?? []
    for (const name of [digest, 'git-c1']) {
      const answer = await fetch(`http://${address}/v2/model-server/manifests/${name}`, {
        headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
      })
      expect([answer.status, answer.headers.get('docker-content-digest')]).toEqual([200, digest])
    }
  })

  test('twice is once; another image of the same commit is refused and changes nothing', () => {
    const first = push('two', 'c2')
    expect(push('two', 'c2')).toEqual({ ...first, stderr: '' })
    const other = push('three', 'c2')
    expect([other.status, other.stdout]).toEqual([1, ''])
    expect(other.stderr).toContain('a commit is built once')
    expect(push('two', 'c2').status).toBe(0)
  })

  test('a registry that does not answer is no registry without the image', () => {
    const { status, stdout } = run('push.sh', [built('four'), 'localhost:1/model-server'], {
      CIRCLE_SHA1: 'c4',
    })
    expect([status, stdout]).toEqual([1, ''])
  })

  const withCosign = COSIGN !== '' ? test : test.skip
  withCosign('an image and its list of contents are signed, and both can be verified', () => {
    const image = push('five', 'c5').stdout
    const COSIGN_PASSWORD = 'any'
    spawnSync(COSIGN, ['generate-key-pair'], { cwd: folder, env: { ...process.env, COSIGN_PASSWORD } })
    const sbom = join(folder, 'sbom.json')
    writeFileSync(sbom, '{"spdxVersion":"SPDX-2.3"}')
    const signed = run('sign.sh', [image, sbom], {
      COSIGN_KEY: join(folder, 'cosign.key'),
      COSIGN_PASSWORD,
      COSIGN_FLAGS: '--allow-http-registry --tlog-upload=false --use-signing-config=false',
    })
    expect([signed.status, signed.stderr]).toEqual([0, expect.anything()])
    const verify = [
      '--key',
      join(folder, 'cosign.pub'),
      '--allow-http-registry',
      '--insecure-ignore-tlog=true',
    ]
    expect(spawnSync(COSIGN, ['verify', ...verify, image]).status).toBe(0)
    expect(spawnSync(COSIGN, ['verify-attestation', ...verify, '--type', 'spdxjson', image]).status).toBe(0)
  })

  test('what has no digest is not signed', () => {
    expect(run('sign.sh', [`${address}/model-server:git-c1`, 'sbom.json']).status).toBe(2)
  })
})
