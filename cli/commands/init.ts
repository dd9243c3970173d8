import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dump } from 'js-yaml'
import { API_VERSION, KIND } from '../../operator/api/names.ts'
import { present } from '../../operator/planner/state/persisted-state.ts'
import { lintManifest } from '../checks/lint.ts'
import { nameOf } from '../cluster/releases.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { gatesOf, parseTable, type GateOfRow } from '../init/table.ts'
import { signatureOf } from '../init/onnx.ts'
import { warn, type Io } from '../io.ts'
import type { Manifest } from '../manifest.ts'
import { openSession, type SessionFlags } from '../session.ts'

export type InitFlags = SessionFlags & {
  onnx?: string
  rows?: string
  uri?: string
  modelVersion: string
  maxGates: string
  fromDeployment?: string
  port?: string
  replicas?: string
}

/** A part of a spec with the comment that stands above it. */
type Part = { comment: string; member: Record<string, unknown> }

/** Writes a first ModelRelease to the standard output, ready to apply. */
export async function init(argument: string, flags: InitFlags, io: Io): Promise<ExitCode> {
  const name = nameOf(argument)
  if ((flags.onnx === undefined) === (flags.fromDeployment === undefined))
    throw new CliError('say what to start from: --onnx FILE, or --from-deployment NAME')
  const { parts, namespace } =
    flags.onnx === undefined
      ? await fromDeployment(name, flags, io)
      : await fromModel(name, flags.onnx, flags)
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) }
  const spec = Object.assign({}, ...parts.map(({ member }) => member)) as Record<string, unknown>
  const manifest: Manifest = { apiVersion: API_VERSION, kind: KIND, metadata, spec }
  const { errors, warnings } = lintManifest(manifest)
  io.stdout.write(textOf(manifest, parts))
  for (const line of [...errors, ...warnings]) warn(io, `${name}: ${line}`)
  return errors.length > 0 ? EXIT.notDone : EXIT.done
}

function textOf({ apiVersion, kind, metadata }: Manifest, parts: readonly Part[]): string {
  const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, '  ')
  const told = parts.map(
    ({ comment, member }) =>
      `${indented(comment.replaceAll(/^/gm, '# '))}\n${indented(dump(member, { lineWidth: -1 }))}`,
  )
  return `${dump({ apiVersion, kind, metadata }, { lineWidth: -1 })}spec:\n${told.join('')}`
}

const TRAFFIC: Part = {
  comment:
    'A Service of the name of the release leads users. Behind CloudFront: type CloudFrontDistribution with the member\ncloudFrontDistribution (docs/cloudfront.md).',
  member: { traffic: { type: 'Service' } },
}

function replicasOf({ replicas }: InitFlags, usual?: number): Part[] {
  const count = replicas === undefined ? usual : Number(replicas)
  if (count === undefined) return []
  return [
    { comment: 'Leave it out once an autoscaler or kubectl scale sets it.', member: { replicas: count } },
  ]
}

async function fromModel(
  name: string,
  file: string,
  flags: InitFlags,
): Promise<{ parts: Part[]; namespace?: string }> {
  const { uri, rows, modelVersion } = flags
  if (uri === undefined)
    throw new CliError('say where the model server fetches the model: --uri https://…, s3://… or mlflow:/…')
  const bytes = readFile(file)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const signature = await signatureOf(file, bytes)
  const told = [
    ...signature.inputs.map((one) => ['takes', one] as const),
    ...signature.outputs.map((one) => ['gives', one] as const),
  ]
  const model: Part = {
    comment: told
      .map(
        ([verb, { name: tensor, datatype, shape }]) =>
          `It ${verb} ${tensor}: ${datatype} [${shape.join(', ')}].`,
      )
      .join('\n'),
    member: { model: { name, version: modelVersion, uri, sha256 } },
  }
  const gates =
    rows === undefined ? [] : gatesOf(parseTable(readFile(rows).toString('utf8')), signature, mostOf(flags))
  const namespace = flags.namespace === undefined ? {} : { namespace: flags.namespace }
  return { ...namespace, parts: [model, ...replicasOf(flags), gatePart(name, gates, rows), TRAFFIC] }
}

function mostOf({ maxGates }: InitFlags): number {
  const most = Number(maxGates)
  if (!Number.isInteger(most) || most < 1)
    throw new CliError(`--max-gates "${maxGates}" is no number of gates`)
  return most
}

function gatePart(model: string, gates: readonly GateOfRow[], rows: string | undefined): Part {
  if (gates.length === 0)
    return {
      comment:
        'Only readiness is proven so far: name a request whose answer you know (--rows TABLE draws them from a table).',
      member: { gates: [] },
    }
  const smoke = ({ name, json, expect }: GateOfRow): unknown => ({
    name,
    smoke: { request: { method: 'POST', path: `/v2/models/${model}/infer`, json }, expect: { json: expect } },
  })
  return {
    comment: `Rows of ${rows ?? ''}; a tolerance is half a unit of the last digit that the table writes.`,
    member: { gates: gates.map(smoke) },
  }
}

function readFile(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${(cause as Error).message}`, undefined, { cause })
  }
}

type Container = {
  name: string
  ports?: { containerPort: number }[]
  readinessProbe?: { httpGet?: { path?: string; port: number | string } }
}
type Deployment = {
  spec: {
    replicas?: number
    template: { metadata?: Record<string, unknown>; spec: { containers: Container[] } }
  }
}

/** The template as somebody wrote it, without what the API server adds to its metadata. */
function writtenOf({ metadata = {}, spec }: Deployment['spec']['template']): object {
  return { metadata: present({ labels: metadata.labels, annotations: metadata.annotations }), spec }
}

async function fromDeployment(
  name: string,
  flags: InitFlags,
  io: Io,
): Promise<{ parts: Part[]; namespace: string }> {
  const { releases, namespace } = openSession(flags, io)
  const deployment = flags.fromDeployment ?? ''
  const path = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/deployments/${encodeURIComponent(deployment)}`
  const { spec } = (await releases.json({ path })) as Deployment
  const { template } = spec
  const serving = template.spec.containers.find(({ ports }) => ports?.length) ?? template.spec.containers[0]
  const port = flags.port === undefined ? serving?.ports?.[0]?.containerPort : Number(flags.port)
  if (port === undefined)
    throw new CliError(
      `deployment ${deployment} names no port of a container: say which one users are served on with --port`,
    )
  const parts: Part[] = [
    {
      comment: `The pods of the Deployment ${deployment}, which goes on as it is.`,
      member: { template: writtenOf(template) },
    },
    { comment: 'The port that users are served on.', member: { port } },
    ...replicasOf(flags, spec.replicas),
    probeGate(serving?.readinessProbe?.httpGet?.path),
    TRAFFIC,
  ]
  if (name === deployment)
    warn(
      io,
      `${name}: a Service of this name may exist already, and the release needs it: name the release otherwise, or set spec.traffic.service.name`,
    )
  return { parts, namespace }
}

function probeGate(path: string | undefined): Part {
  if (path === undefined)
    return {
      comment: 'Only readiness is proven so far: name a request whose answer you know.',
      member: { gates: [] },
    }
  const smoke = { request: { method: 'GET', path }, expect: { status: 200 } }
  return {
    comment: 'What readiness asks; add a request whose answer you know.',
    member: { gates: [{ name: 'ready', smoke }] },
  }
}
