import { describe, expect, test } from '@jest/globals'
import { housing } from '../../test/fakes/simulated-world.ts'
import { without } from '../state/persisted-state.ts'
import { isFinal, remedyOf } from './remedy.ts'

const model = housing(1)
const template = { ...without(model, 'model'), template: {} }

/** Texts of Kubernetes 1.36 (kube-apiserver, kube-scheduler, kubelet), and of 1.20 where those differ. */
const NODES = '(Unschedulable: 0/3 nodes are available: '
const PREEMPTION = ' preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.)'

describe('what the cluster says of pods gets a remedy of its own:', () => {
  test.each([
    [
      'FailedCreate: pods "web-blue-5c-" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "web" must set securityContext.allowPrivilegeEscalation=false)',
      'set what it asks for in securityContext of spec.template.spec',
      'pod-security.kubernetes.io/enforce of the namespace changed',
    ],
    [
      'FailedCreate: pods "web-blue-5c-" is forbidden: PodSecurityPolicy: unable to admit pod: []',
      'securityContext of spec.template.spec',
      'pod-security.kubernetes.io/enforce',
    ],
    [
      'FailedCreate: pods "web-blue-5c-" is forbidden: error looking up service account models/scorer: serviceaccount "scorer" not found',
      'create the ServiceAccount "scorer" in namespace models, or correct spec.template.spec.serviceAccountName',
      'or correct spec.model.serviceAccountName',
    ],
    [
      'FailedCreate: pods "web-blue-5c-" is forbidden: minimum cpu usage per Container is 100m, but request is 50m',
      'set resources of the containers in spec.template within what the LimitRange',
      'set spec.model.resources within',
    ],
    [
      'FailedCreate: pods "web-blue-5c-" is forbidden: maximum memory usage per Pod is 1Gi.  No limit is specified',
      'within what the LimitRange',
      'set spec.model.resources within',
    ],
    [
      'FailedCreate: pods "web-blue-5c-" is forbidden: exceeded quota: team, requested: pods=1, used: pods=5, limited: pods=5',
      'raise the ResourceQuota "team"',
      'lower spec.replicas or spec.model.resources',
    ],
    [
      'FailedCreate: pods "web-blue-5c-" is forbidden: failed quota: team: must specify limits.cpu for: web; requests.memory for: web)',
      'set limits.cpu for: web; requests.memory for: web in resources of the containers',
      'in spec.model.resources, which a ResourceQuota',
    ],
    [
      'FailedCreate: pods "web-blue-5c-" is forbidden: failed quota: team: must specify limits.cpu,limits.memory',
      'set limits.cpu,limits.memory in resources of the containers',
      'in spec.model.resources',
    ],
    [
      'FailedCreate: admission webhook "validate.kyverno.svc-fail" denied the request: image of an unknown registry',
      'so that the policy behind the admission webhook "validate.kyverno.svc-fail" admits it',
      'change spec.model so that',
    ],
    [
      'FailedCreate: Internal error occurred: failed calling webhook "pods.example.com": failed to call webhook: Post "https://x.svc:443/": dial tcp 10.0.0.1:443: connect: connection refused',
      'have the admission webhook "pods.example.com" mended, which does not answer',
      'have the admission webhook',
    ],
    [
      "FailedCreate: pods \"web-blue-5c-\" is forbidden: ValidatingAdmissionPolicy 'no-latest' with binding 'all' denied request: name a version",
      'so that the ValidatingAdmissionPolicy "no-latest" admits it',
      'change spec.model',
    ],
    [
      'FailedCreate: pods "web-blue-5c-" is forbidden: no PriorityClass with name gold was found',
      'create the PriorityClass "gold", or correct spec.template.spec.priorityClassName',
      'create the PriorityClass "gold"',
    ],
    [
      `${NODES}1 node(s) didn't match Pod's node affinity/selector, 2 Insufficient cpu.${PREEMPTION}`,
      'correct spec.template.spec.nodeSelector (or affinity, or nodeName), or label nodes for it; make room for 2 more pods, or lower spec.replicas',
      'correct spec.model.nodeSelector, or label nodes for it; make room',
    ],
    [
      `${NODES}3 node(s) didn't match node selector.`,
      'correct spec.template.spec.nodeSelector',
      'correct spec.model.nodeSelector',
    ],
    [
      `${NODES}3 node(s) had untolerated taint {gpu: true}.${PREEMPTION}`,
      'add the taint to spec.template.spec.tolerations',
      'add the taint to spec.model.tolerations',
    ],
    [
      `${NODES}3 node(s) had taint {gpu: true}, that the pod didn't tolerate.`,
      'add the taint to spec.template.spec.tolerations',
      'add the taint to spec.model.tolerations',
    ],
    [
      `${NODES}persistentvolumeclaim "data" not found. not found${PREEMPTION}`,
      'create the PersistentVolumeClaim "data", or correct spec.template.spec.volumes',
      'create the PersistentVolumeClaim "data"',
    ],
    [
      `${NODES}pod has unbound immediate PersistentVolumeClaims.${PREEMPTION}`,
      'have a volume made for the PersistentVolumeClaim',
      'have a volume made',
    ],
    [
      `${NODES}1 node(s) had volume node affinity conflict.`,
      'use a volume that the nodes with room can reach',
      'use a volume',
    ],
    [
      `${NODES}3 node(s) didn't have free ports for the requested pod ports.${PREEMPTION}`,
      'remove hostPort from spec.template.spec.containers[].ports',
      'remove hostPort',
    ],
    [
      `${NODES}3 node(s) didn't match pod anti-affinity rules.${PREEMPTION}`,
      'loosen spec.template.spec.affinity',
      'loosen what sets affinity',
    ],
    [`${NODES}3 node(s) were unschedulable.`, 'uncordon nodes', 'uncordon nodes'],
    [
      `${NODES}3 Insufficient nvidia.com/gpu.${PREEMPTION}`,
      'make room for 2 more pods, or lower spec.replicas or the requests in resources of the containers',
      'the requests in spec.model.resources',
    ],
    [
      'ErrImagePull: container "web": failed to pull and unpack image "r.example/web:1": failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized',
      'give spec.template.spec.imagePullSecrets a Secret that the registry accepts',
      'give spec.model.imagePullSecrets',
    ],
    [
      'ImagePullBackOff: container "web": Back-off pulling image "r.example/web:1": ErrImagePull: failed to do request: Head "https://r.example/v2/": dial tcp: lookup r.example: no such host',
      'have the nodes reach and trust the registry',
      'correct spec.model.serverImage',
    ],
    [
      'ErrImagePull: container "web": failed to resolve reference "r.example/web:1": r.example/web:1: not found',
      'correct the image in spec.template',
      'correct spec.model.serverImage',
    ],
    [
      'InvalidImageName: container "web": Failed to apply default image tag "Web:1": couldn\'t parse image name "Web:1": invalid reference format: repository name must be lowercase',
      'correct the image in spec.template, which is not the name of an image',
      'which is not the name of an image',
    ],
    [
      'CreateContainerConfigError: container "web": secret "keys" not found',
      'create the Secret "keys", or correct env, envFrom and volumes in spec.template',
      'create the Secret "keys", or correct spec.model.env',
    ],
    [
      'CreateContainerConfigError: container "web": couldn\'t find key token in Secret models/keys',
      'add the key "token" to the Secret models/keys',
      'or correct spec.model.env',
    ],
    [
      'CreateContainerConfigError: container "web": container has runAsNonRoot and image will run as root (pod: "web")',
      'set runAsUser in securityContext',
      'set runAsUser',
    ],
    [
      'RunContainerError: container "web": failed to create shim task: OCI runtime create failed: exec: "serve": executable file not found in $PATH: unknown',
      'correct command and args of the container in spec.template',
      'whose program cannot be started',
    ],
    [
      'OOMKilled: container "web": ended with exit code 137 (OOMKilled)',
      'raise limits.memory in resources of the containers in spec.template',
      'raise limits.memory in spec.model.resources',
    ],
  ])('%s', (said, ofTemplate, ofModel) => {
    expect(remedyOf(template, `green: 0 of 2 pods ready (${said}`)).toContain(ofTemplate)
    expect(remedyOf(model, `green: 0 of 2 pods ready (${said}`)).toContain(ofModel)
    expect(remedyOf(model, `green: 0 of 2 pods ready (${said}`)).not.toContain('spec.template')
  })

  test('one more pod is one', () => {
    expect(
      remedyOf({ ...model, replicas: 1 }, 'Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.'),
    ).toContain('make room for 1 more pod, or')
  })
})

test.each([
  [
    model,
    'ImagePullBackOff: not found',
    'correct spec.model.serverImage (not set: the image that the operator was given)',
  ],
  [
    { ...model, model: { name: 'm', version: '1', uri: 'file:///m', serverImage: 'absent:1' } },
    'ErrImagePull',
    'correct spec.model.serverImage ("absent:1")',
  ],
  [template, 'ErrImagePull', 'correct the image in spec.template'],
  [
    { ...model, model: { name: 'm', version: '1', uri: 'file:///m', sha256: 'ff' } },
    'MODEL_SHA256 wants ff',
    'correct spec.model.sha256 "ff"',
  ],
  [
    { ...model, model: { name: 'm', version: '1', uri: 'file:///m' } },
    "the model's sha256 is 5c, MODEL_SHA256 wants ff",
    'the file at spec.model.uri "file:///m" is not the one that this revision was proven with: put that one back, or release the new one as another spec.model.version',
  ],
  [model, 'MODEL_URI answered 404', `correct spec.model.uri "${model.model?.uri ?? ''}"`],
  [model, 'Unschedulable: 0/1 nodes', 'make room for 2 more pods, or lower spec.replicas'],
  [model, 'the model cannot be fetched yet: the server answered 404 Not Found', 'correct spec.model.uri "'],
  [
    model,
    'the model cannot be fetched yet: the server answered 401',
    'give the pods the right to read spec.model.uri',
  ],
  [model, 'the model cannot be fetched yet: no answer from x: ENOTFOUND', 'reachable from the pods'],
  [model, 'the model (sha256 5c) cannot be served: Protobuf parsing failed', 'saved as ONNX'],
  [model, 'the model is larger than MODEL_MAX_BYTES (1000)', 'raise MODEL_MAX_BYTES in spec.model.env'],
  [template, 'its readiness probe (GET / at port 9) has not succeeded', 'spec.port (8080)'],
  [model, 'exited with code 1', 'correct the spec'],
])('%#: names the field, its value and what to do', (spec, said, remedy) => {
  expect(remedyOf(spec, said)).toContain(remedy)
})

describe('what only another spec or policy can mend ends an attempt, and nothing else does:', () => {
  test.each([
    ['FailedCreate: pods "web-" is forbidden: violates PodSecurity "restricted:latest": x', true],
    ['FailedCreate: Pod "web-1" is invalid: spec.containers[0].name: Required value', true],
    [
      'FailedCreate: pods "web-" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
      true,
    ],
    ["FailedCreate: ValidatingAdmissionPolicy 'no-latest' with binding 'all' denied request: x", true],
    [
      'ErrImagePull: container "web": failed to resolve reference "r.example/web:1": r.example/web:1: not found',
      true,
    ],
    [
      'ErrImagePull: container "web": failed to resolve reference "r.example/web@sha256:401c403": r.example/web@sha256:401c403: not found',
      true,
    ],
    [
      'ErrImagePull: container "web": rpc error: manifest for r.example/web:1 not found: manifest unknown',
      true,
    ],
    ['InvalidImageName: container "web": invalid reference format', true],
    ['CreateContainerConfigError: container has runAsNonRoot and image will run as root', true],
    ['RunContainerError: exec: "serve": executable file not found in $PATH', true],
    ['CreateContainerConfigError: container "web": secret "keys" not found', false],
    [
      'FailedCreate: error looking up service account models/scorer: serviceaccount "scorer" not found',
      false,
    ],
    ['FailedCreate: exceeded quota: team, requested: pods=1', false],
    ['FailedCreate: failed calling webhook "pods.example.com": connection refused', false],
    ['ErrImagePull: dial tcp: lookup r.example: no such host: not found', false],
    ['ErrImagePull: failed to authorize: 401 Unauthorized', false],
    ['ImagePullBackOff: Back-off pulling image "r.example/web:1"', false],
    ['CrashLoopBackOff: container "web": ended with exit code 1 (Error)', false],
    ['OOMKilled: container "web": ended with exit code 137 (OOMKilled)', false],
  ])('%s: %p', (said, final) => expect(isFinal(template, said)).toBe(final))

  test('a configuration that the model server refuses, which another container may only be quoting', () => {
    const said =
      'CrashLoopBackOff: container "model-server": ended with exit code 2 (Error): invalid configuration: - MODEL_COLUMNS: x'
    expect(isFinal(model, said)).toBe(true)
    expect(isFinal(template, said)).toBe(false)
    expect(remedyOf(model, said)).toBe('correct what it names, in spec.model.env')
  })
})
