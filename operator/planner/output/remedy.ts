/**
 * What to do about pods that cannot be made, scheduled or started, by what the cluster says of them. The texts are those of
 * Kubernetes 1.20 to 1.36: admission plugins, kube-scheduler/framework/plugins and kubelet/images, kubelet/kuberuntime.
 */
import type { Spec } from '../../api/release.ts'
import { counted } from '../../api/text.ts'

/** A text that the cluster is known to say, and what a person changes where. */
type Cause = {
  says: RegExp
  remedy: (spec: Spec, said: RegExpExecArray) => string
  /**
   * The spec, or a policy, must change: nothing else in the cluster can mend it. What only lacks another object (a Secret, a
   * ServiceAccount, quota, a node) may be mended by whoever applies that a moment later, so it is waited for.
   */
  isFinal?: 'Always' | 'OfModelServer'
}

/** What keeps a pod from being made: the first that fits, since one refusal ends the request. */
const ADMISSION: Cause[] = [
  {
    says: /violates PodSecurity|PodSecurityPolicy: unable/,
    isFinal: 'Always',
    remedy: (spec) =>
      spec.template
        ? 'set what it asks for in securityContext of spec.template.spec and of its containers, or have the label pod-security.kubernetes.io/enforce of the namespace changed'
        : 'have the label pod-security.kubernetes.io/enforce of the namespace changed to restricted, which the pods of spec.model meet, or lower',
  },
  {
    says: /error looking up service account (\S+?)\/(\S+?):/,
    remedy: (spec, [, namespace = '', name = '']) =>
      `create the ServiceAccount "${name}" in namespace ${namespace}, or correct ${fieldOf(spec, 'serviceAccountName')}`,
  },
  {
    says: /must specify ([^)]+?)(?:\)|; the last it said|$)/,
    remedy: (spec, [, what = '']) =>
      `set ${what.trim()} in ${resourcesOf(spec)}, which a ResourceQuota of the namespace asks for, or have a LimitRange give a default`,
  },
  {
    says: /exceeded quota: ([^,\s]+)/,
    remedy: (spec, [, quota = '']) =>
      `raise the ResourceQuota "${quota}", free what it counts, or lower spec.replicas or ${resourcesOf(spec)}`,
  },
  {
    says: /insufficient quota to (?:consume|match)/,
    remedy: (spec) =>
      `have a ResourceQuota that covers this priority class, or correct ${fieldOf(spec, 'priorityClassName')}`,
  },
  {
    says: /(?:minimum|maximum) \S+ usage per (?:Container|Pod)|max limit to request ratio per/,
    isFinal: 'Always',
    remedy: (spec) => `set ${resourcesOf(spec)} within what the LimitRange of the namespace allows`,
  },
  {
    says: /failed calling webhook "([^"]+)"/,
    remedy: (_spec, [, webhook = '']) =>
      `have the admission webhook "${webhook}" mended, which does not answer; the pods are made as soon as it does`,
  },
  {
    says: /admission webhook "([^"]+)" denied the request/,
    remedy: (spec, [, webhook = '']) =>
      `change ${podsOf(spec)} so that the policy behind the admission webhook "${webhook}" admits it, or have the policy changed`,
  },
  {
    says: /ValidatingAdmissionPolicy '([^']+)'/,
    isFinal: 'Always',
    remedy: (spec, [, policy = '']) =>
      `change ${podsOf(spec)} so that the ValidatingAdmissionPolicy "${policy}" admits it, or have the policy changed`,
  },
  {
    says: /no PriorityClass with name (\S+)/,
    remedy: (spec, [, name = '']) =>
      `create the PriorityClass "${name}", or correct ${fieldOf(spec, 'priorityClassName')}`,
  },
  {
    says: /RuntimeClass "([^"]+)" not found/,
    remedy: (spec, [, name = '']) =>
      `create the RuntimeClass "${name}", or correct ${fieldOf(spec, 'runtimeClassName')}`,
  },
  {
    says: /node label selector (?:labels )?conflict/,
    isFinal: 'Always',
    remedy: (spec) =>
      `bring ${fieldOf(spec, 'nodeSelector')} in line with the node selector of the namespace`,
  },
  {
    says: /pod tolerations .* conflict|whitelist/,
    isFinal: 'Always',
    remedy: (spec) => `bring ${fieldOf(spec, 'tolerations')} in line with what the namespace allows`,
  },
  {
    says: /is being terminated/,
    remedy: () => 'create the namespace anew once it is gone, or apply the release to another',
  },
  {
    says: /Pod "[^"]*" is invalid|is invalid: spec\./,
    isFinal: 'Always',
    remedy: (spec) => `correct the field of ${podsOf(spec)} that it names`,
  },
  {
    says: /FailedCreate/,
    remedy: (spec) => `change ${podsOf(spec)} so that the cluster takes it, or have what refuses it changed`,
  },
]

/** What keeps a pod from a node: each of them, since nodes are passed over for different reasons. */
const SCHEDULING: Cause[] = [
  {
    says: /persistentvolumeclaim "([^"]+)" (?:not found|is being deleted)/,
    remedy: (spec, [, name = '']) =>
      `create the PersistentVolumeClaim "${name}", or correct ${fieldOf(spec, 'volumes')}`,
  },
  {
    says: /unbound immediate PersistentVolumeClaims|did(?: not find|n't find) available persistent volumes/,
    remedy: () =>
      'have a volume made for the PersistentVolumeClaim: look at its events, and at its storage class',
  },
  {
    says: /ReadWriteOncePod/,
    remedy: () =>
      'use a claim that several pods may mount (ReadWriteMany or ReadOnlyMany): both colors stand side by side in a release',
  },
  {
    says: /volume node affinity conflict|no available volume zone|no available disk|bound to non-existent pv|enough free storage/,
    remedy: () =>
      'use a volume that the nodes with room can reach (ReadWriteMany, or of their zone): both colors stand side by side in a release',
  },
  {
    says: /max volume count/,
    remedy: () => 'add nodes, or use fewer volumes: the nodes have as many as they can take',
  },
  {
    says: /match (?:Pod's node affinity|node selector|the requested node name)/,
    remedy: (spec) =>
      `correct ${fieldOf(spec, 'nodeSelector')}${spec.template ? ' (or affinity, or nodeName)' : ''}, or label nodes for it`,
  },
  {
    says: /untolerated taint|had taints? (?:\{.*?\}, )?that the pod didn't tolerate/,
    remedy: (spec) => `add the taint to ${fieldOf(spec, 'tolerations')}, or take it from the nodes`,
  },
  {
    says: /free ports for the requested pod ports/,
    remedy: (spec) =>
      `remove hostPort from ${spec.model ? 'the pods' : 'spec.template.spec.containers[].ports'}: both colors stand side by side in a release, and a node gives a port to one`,
  },
  {
    says: /topology spread constraints/,
    remedy: (spec) => `loosen ${fieldOf(spec, 'topologySpreadConstraints')}, or add nodes`,
  },
  {
    says: /pod (?:anti-)?affinity(?: rules)?|pods anti-affinity rules/,
    remedy: (spec) =>
      `loosen ${fieldOf(spec, 'affinity')}, which must let pods of both colors stand side by side, or add nodes`,
  },
  {
    says: /scheduling gates/,
    remedy: (spec) => `remove ${fieldOf(spec, 'schedulingGates')}, or have whoever holds them let go`,
  },
  {
    says: /were unschedulable/,
    remedy: () => 'uncordon nodes, or add some',
  },
  {
    says: /Insufficient |Too many pods|no nodes available/,
    remedy: roomFor,
  },
]

/** What containerd, CRI-O and Docker make of a registry's 404: distribution's error codes MANIFEST_UNKNOWN, NAME_UNKNOWN. */
const NO_SUCH_IMAGE =
  /(?:ErrImagePull|ImagePullBackOff).*(?:: not found|manifest unknown|name unknown|manifest for \S+ not found)/

/** What keeps a container from running. */
const STARTING: Cause[] = [
  {
    says: /InvalidImageName/,
    isFinal: 'Always',
    remedy: (spec) => `${imageOf(spec)}, which is not the name of an image`,
  },
  {
    // A digest, or a name, may have those digits too.
    says: /(?:ErrImagePull|ImagePullBackOff).*(?: 40[13]\b|nauthorized|denied|authentication required|no basic auth)/,
    remedy: (spec) =>
      `give ${fieldOf(spec, 'imagePullSecrets')} a Secret that the registry accepts, or ${imageOf(spec)}`,
  },
  {
    says: /(?:ErrImagePull|ImagePullBackOff).*(?:no such host|i\/o timeout|connection refused|connection reset|x509|tls: |HTTP response to HTTPS)/,
    remedy: (spec) => `have the nodes reach and trust the registry, or ${imageOf(spec)}`,
  },
  {
    says: /ErrImageNeverPull/,
    remedy: (spec) => `load the image onto the nodes, or ${imageOf(spec)} or its imagePullPolicy`,
  },
  {
    says: NO_SUCH_IMAGE,
    isFinal: 'Always',
    remedy: (spec) => `${imageOf(spec)}: its registry has no such image`,
  },
  {
    says: /ErrImagePull|ImagePullBackOff|ImageInspectError/,
    remedy: (spec) => `${imageOf(spec)}, or ${fieldOf(spec, 'imagePullSecrets')}`,
  },
  {
    says: /couldn't find key (\S+) in (ConfigMap|Secret) (\S+)/,
    remedy: (spec, [, key = '', kind = '', name = '']) =>
      `add the key "${key}" to the ${kind} ${name}, or correct ${envOf(spec)}`,
  },
  {
    says: /(configmap|secret) "([^"]+)" not found/i,
    remedy: (spec, [, kind = '', name = '']) =>
      `create the ${kind.toLowerCase() === 'secret' ? 'Secret' : 'ConfigMap'} "${name}", or correct ${envOf(spec)}`,
  },
  {
    says: /runAsNonRoot/,
    isFinal: 'Always',
    remedy: (spec) =>
      spec.model
        ? `set runAsUser to a number other than 0 in the image, or ${imageOf(spec)}`
        : 'set runAsUser in securityContext of spec.template.spec to a number other than 0, or use an image that says which user it runs as',
  },
  {
    says: /CreateContainerConfigError/,
    remedy: (spec) => `correct ${envOf(spec)} or what else of the container it names`,
  },
  {
    says: /(?:CreateContainerError|RunContainerError|StartError).*(?:executable file not found|exec format error)/,
    isFinal: 'Always',
    remedy: programOf,
  },
  {
    says: /(?:CreateContainerError|RunContainerError|StartError).*(?:no such file or directory|permission denied)/,
    remedy: programOf,
  },
  {
    says: /OOMKilled/,
    remedy: (spec) =>
      `raise limits.memory in ${resourcesOf(spec)}: the container needs more than it may have`,
  },
  {
    says: /invalid configuration:/,
    isFinal: 'OfModelServer',
    remedy: (spec) => `correct what it names, in ${envOf(spec)}`,
  },
  {
    says: /MODEL_SHA256 wants/,
    remedy: ({ model }) =>
      model?.sha256
        ? `correct spec.model.sha256 "${model.sha256}", or spec.model.uri if it leads to another file`
        : `the file at spec.model.uri "${model?.uri ?? ''}" is not the one that this revision was proven with: put that one back, or release the new one as another spec.model.version`,
  },
  {
    says: /MODEL_MAX_BYTES/,
    remedy: (spec) =>
      `raise MODEL_MAX_BYTES in ${envOf(spec)}, with ${resourcesOf(spec)}, or use a smaller model`,
  },
  {
    says: /cannot be served:|of MLflow has the flavors/,
    remedy: ({ model }) =>
      `have spec.model.uri "${model?.uri ?? ''}" lead to a model that was saved as ONNX, and that loads by itself`,
  },
  {
    says: /cannot be fetched yet: .*answered (?:401|403)\b/,
    remedy: ({ model }) =>
      `give the pods the right to read spec.model.uri "${model?.uri ?? ''}", by spec.model.serviceAccountName or by credentials in spec.model.env`,
  },
  {
    says: /cannot be fetched yet:/,
    remedy: ({ model }) =>
      `correct spec.model.uri "${model?.uri ?? ''}", or have what it names put there and reachable from the pods`,
  },
  {
    says: /MODEL_URI/,
    remedy: ({ model }) => `correct spec.model.uri "${model?.uri ?? ''}"`,
  },
  {
    says: /readiness probe/,
    remedy: (spec) =>
      spec.template
        ? `correct path and port of readinessProbe in spec.template, spec.port (${spec.port}), or the container, which must listen there on all addresses`
        : 'look at what the model server says',
  },
]

/** What to do about an attempt whose pods said this; in general terms where they said nothing that is known. */
export function remedyOf(spec: Spec, said: string, otherwise = 'correct the spec'): string {
  // What the scheduler says of preemption repeats the nodes and not the reason.
  const scheduling = /Unschedulable|nodes are available/.test(said)
    ? said.replace(/\bpreemption: .*$/s, '')
    : undefined
  if (scheduling !== undefined) {
    const causes = SCHEDULING.flatMap((cause) => applied(cause, spec, scheduling) ?? [])
    return causes.length > 0 ? causes.join('; ') : roomFor(spec)
  }
  return (
    [...ADMISSION, ...STARTING].map((cause) => applied(cause, spec, said)).find((one) => one !== undefined) ??
    otherwise
  )
}

/**
 * Whether a pod is missing because others have the room that it needs: quota, a node's resources, or what a node gives to one pod
 * only. What nothing but another spec or object can mend is no lack of room.
 */
export function isWantOfRoom({ reason, message }: { reason: string; message: string }): boolean {
  if (reason === 'Unschedulable')
    return /Insufficient |Too many pods|free ports|anti-affinity|max volume count/.test(
      message.replace(/\bpreemption: .*$/s, ''),
    )
  return message.includes('exceeded quota')
}

/** Whether what was said of pods can only be mended by changing the spec or a policy. */
export function isFinal(spec: Spec, said: string): boolean {
  const cause = [...ADMISSION, ...STARTING].find(({ says }) => says.test(said))
  return cause?.isFinal === 'Always' || (cause?.isFinal === 'OfModelServer' && spec.model !== undefined)
}

function applied({ says, remedy }: Cause, spec: Spec, said: string): string | undefined {
  const match = says.exec(said)
  return match ? remedy(spec, match) : undefined
}

function programOf(spec: Spec): string {
  return spec.template
    ? 'correct command and args of the container in spec.template, or use an image that has the program for this kind of node'
    : `${imageOf(spec)}, whose program cannot be started on this node`
}

function roomFor(spec: Spec): string {
  // Left out, the number is what it is.
  const pods = spec.replicas === undefined ? 'more pods' : counted(spec.replicas, 'more pod')
  return `make room for ${pods}, or lower spec.replicas or the requests in ${resourcesOf(spec)}`
}

/** A field of the pods: of spec.model where that has it, else of the template, which alone can have it. */
function fieldOf({ model }: Spec, name: string): string {
  if (!model) return `spec.template.spec.${name}`
  return OF_MODEL.has(name)
    ? `spec.model.${name}`
    : `what sets ${name} in the pods, which spec.model does not`
}

const OF_MODEL = new Set(['serviceAccountName', 'imagePullSecrets', 'nodeSelector', 'tolerations'])

function podsOf({ model }: Spec): string {
  return model ? 'spec.model' : 'spec.template'
}

function resourcesOf({ model }: Spec): string {
  return model ? 'spec.model.resources' : 'resources of the containers in spec.template'
}

function envOf({ model }: Spec): string {
  return model ? 'spec.model.env' : 'env, envFrom and volumes in spec.template'
}

function imageOf({ model }: Spec): string {
  if (!model) return 'correct the image in spec.template'
  const image = model.serverImage
    ? `"${model.serverImage}"`
    : 'not set: the image that the operator was given'
  return `correct spec.model.serverImage (${image})`
}
