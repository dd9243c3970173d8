import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './command.ts'
import type { NodeRanges } from './ranges.ts'

/** One certificate of the node's authority. */
export interface CertificateRequest {
  /** Base name of its `.crt` and `.key`. */
  readonly file: string
  /** Subject in openssl's form; Kubernetes reads user and groups from CN and O. */
  readonly subject: string
  /** Names and addresses that a server with this certificate may be called by. */
  readonly alternativeNames: readonly string[]
}

/** Base name of the keys of the node's own DNS. */
export const DNS_USER = 'cluster-dns'

/** Every certificate that the node's components and its administrator use. */
export function certificateRequests(nodeName: string, ranges: NodeRanges): CertificateRequest[] {
  const client = (file: string, subject: string): CertificateRequest => ({
    file,
    subject,
    alternativeNames: [],
  })
  return [
    {
      file: 'kube-apiserver',
      subject: '/CN=kube-apiserver',
      alternativeNames: [
        ...['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map(
          (dns) => `DNS:${dns}`,
        ),
        'DNS:kubernetes.default.svc.cluster.local',
        ...['127.0.0.1', ranges.nodeAddress, ranges.apiServiceAddress].map((address) => `IP:${address}`),
      ],
    },
    {
      file: 'kubelet-serving',
      subject: `/O=system:nodes/CN=system:node:${nodeName}`,
      alternativeNames: [`DNS:${nodeName}`, `IP:${ranges.nodeAddress}`],
    },
    client('kubelet', `/O=system:nodes/CN=system:node:${nodeName}`),
    client('kube-apiserver-kubelet-client', '/O=system:masters/CN=kube-apiserver-kubelet-client'),
    client('kube-controller-manager', '/CN=system:kube-controller-manager'),
    client('kube-scheduler', '/CN=system:kube-scheduler'),
    client('kube-proxy', '/CN=system:kube-proxy'),
    // Kubernetes lets this ServiceAccount list Services and no more (ClusterRole system:kube-dns), wherever it runs.
    client(DNS_USER, '/CN=system:serviceaccount:kube-system:kube-dns'),
    client('admin', '/O=system:masters/CN=admin'),
  ]
}

/** Makes a new authority and everything that it signs; nothing of an earlier one is kept. */
export async function issueCertificates(
  directory: string,
  requests: readonly CertificateRequest[],
  signal?: AbortSignal,
): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const openssl = (args: readonly string[]): Promise<string> =>
    run('openssl', args, { cwd: directory, signal })
  await openssl(certificateArguments({ file: 'ca', subject: '/CN=node', alternativeNames: [] }))
  await Promise.all([
    serviceAccountKeys(openssl),
    ...requests.map((request) =>
      openssl([...certificateArguments(request), '-CA', 'ca.crt', '-CAkey', 'ca.key']),
    ),
  ])
}

/** A client's credentials as files. */
export function clientFiles(
  directory: string,
  user: string,
): { ca: string; certificate: string; key: string } {
  return {
    ca: join(directory, 'ca.crt'),
    certificate: join(directory, `${user}.crt`),
    key: join(directory, `${user}.key`),
  }
}

async function serviceAccountKeys(openssl: (args: readonly string[]) => Promise<string>): Promise<void> {
  // RSA, as Kubernetes itself makes them: every client library verifies RS256.
  await openssl(['genrsa', '-out', 'service-account.key', '2048'])
  await openssl(['rsa', '-in', 'service-account.key', '-pubout', '-out', 'service-account.pub'])
}

function certificateArguments({ file, subject, alternativeNames }: CertificateRequest): string[] {
  const names =
    alternativeNames.length === 0 ? [] : ['-addext', `subjectAltName=${alternativeNames.join(',')}`]
  // openssl's default extensions make every self-signed request an authority; its -CA form needs the opposite said.
  const constraints = file === 'ca' ? 'critical,CA:TRUE' : 'critical,CA:FALSE'
  return [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '3650'],
    ...['-config', '/dev/null', '-subj', subject, '-addext', `basicConstraints=${constraints}`, ...names],
    ...['-keyout', `${file}.key`, '-out', `${file}.crt`],
  ]
}
