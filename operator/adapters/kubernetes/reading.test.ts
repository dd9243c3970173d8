import { describe, expect, test } from '@jest/globals'
import { LABEL, MANAGER } from '../../api/names.ts'
import type { ModelRelease, Spec } from '../../api/release.ts'
import { remedyOf } from '../../planner/output/remedy.ts'
import type { ColorState, PodState } from '../../planner/model/observation.ts'
import type { ApiCondition, ContainerState, ContainerStatus, Deployment, Pod, Service } from './objects.ts'
import { isOurs, podOf, selectedBy, serviceOf, storedIn, workloadOf } from './reading.ts'

const release = { metadata: { name: 'housing', namespace: 'models', uid: 'uid-1' } } as ModelRelease

const ours = {
  [LABEL.name]: 'housing',
  [LABEL.color]: 'blue',
  [LABEL.revision]: 'abc',
  [LABEL.managedBy]: MANAGER,
}

function deployment(change: (object: Deployment) => void = () => undefined): Deployment {
  const object: Deployment = {
    metadata: {
      name: 'housing-blue',
      namespace: 'models',
      uid: 'd1',
      resourceVersion: '7',
      generation: 2,
      labels: { ...ours },
    },
    spec: {
      replicas: 2,
      selector: { matchLabels: { [LABEL.name]: 'housing', [LABEL.color]: 'blue' } },
      template: { metadata: { labels: { ...ours } } },
    },
    status: { observedGeneration: 2, conditions: [] },
  }
  change(object)
  return object
}

describe('a Deployment as workload', () => {
  const plain: ColorState['workload'] = {
    uid: 'd1',
    resourceVersion: '7',
    revision: 'abc',
    replicas: 2,
    observed: 'Yes',
    ownership: 'Free',
    leaving: 'No',
  }
  const cases: Record<string, { change: (object: Deployment) => void; read: ColorState['workload'] }> = {
    'one that its controller has seen': { change: () => undefined, read: plain },
    'one that its controller has not seen yet': {
      change: (it) => (it.metadata.generation = 3),
      read: { ...plain, observed: 'No' },
    },
    'one without a status': { change: (it) => delete it.status, read: { ...plain, observed: 'No' } },
    'one that the release owns': {
      change: (it) => (it.metadata.ownerReferences = [ownedBy('uid-0'), ownedBy('uid-1')]),
      read: { ...plain, ownership: 'Owned' },
    },
    'one that an earlier release of the same name owned': {
      change: (it) => (it.metadata.ownerReferences = [ownedBy('uid-0')]),
      read: plain,
    },
    'one whose template was replaced, though nobody is known to have written any of it': {
      change: (it) => (it.metadata.annotations = { 'deployment.kubernetes.io/revision': '2' }),
      read: {
        ...plain,
        found: { template: { metadata: { labels: { ...ours } } }, writers: [], replaced: 'Yes' },
      },
    },
    'one that has the template that it was made with': {
      change: (it) => (it.metadata.annotations = { 'deployment.kubernetes.io/revision': '1' }),
      read: plain,
    },
    'one on its way out': {
      change: (it) => (it.metadata.deletionTimestamp = '2026-11-01T00:00:00Z'),
      read: { ...plain, leaving: 'Yes' },
    },
    'one that a quota keeps from making pods': {
      change: (it) =>
        (it.status = {
          observedGeneration: 2,
          conditions: [
            {
              type: 'ReplicaFailure',
              status: 'True',
              reason: 'FailedCreate',
              message: 'exceeded quota: pods',
            },
          ],
        }),
      read: { ...plain, trouble: { reason: 'FailedCreate', message: 'exceeded quota: pods' } },
    },
    'one whose quota trouble is over': {
      change: (it) =>
        (it.status = { observedGeneration: 2, conditions: [{ type: 'ReplicaFailure', status: 'False' }] }),
      read: plain,
    },
    'one scaled to nothing': { change: (it) => (it.spec.replicas = 0), read: { ...plain, replicas: 0 } },
    'one that a policy says another tool manages': {
      change: (it) => (it.metadata.labels = { ...ours, [LABEL.managedBy]: 'Helm' }),
      read: plain,
    },
    'one without managed-by': {
      change: (it) => delete it.metadata.labels?.[LABEL.managedBy],
      read: { ...plain, differs: `label ${LABEL.managedBy} is missing instead of ${MANAGER}` },
    },
    'one whose revision label was taken away': {
      change: (it) => delete it.metadata.labels?.[LABEL.revision],
      read: { ...plain, differs: `label ${LABEL.revision} is missing instead of abc` },
    },
    'one whose color label was changed': {
      change: (it) => (it.metadata.labels = { ...ours, [LABEL.color]: 'green' }),
      read: { ...plain, differs: `label ${LABEL.color} is green instead of blue` },
    },
    'one whose strategy was changed': {
      change: (it) => (it.spec.strategy = { type: 'Recreate' }),
      read: { ...plain, differs: 'spec.strategy may take pods away before their successors are ready' },
    },
    'one without any label': {
      change: (it) => delete it.metadata.labels,
      read: { ...plain, differs: expect.stringContaining(LABEL.name) as unknown as string },
    },
    'one with our labels that selects other pods': {
      change: (it) => (it.spec.selector = { matchLabels: { app: 'x' } }),
      read: undefined,
    },
    'one of another release': {
      change: (it) => (it.spec.selector = { matchLabels: { [LABEL.name]: 'other', [LABEL.color]: 'blue' } }),
      read: undefined,
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { change, read }) => {
    expect(workloadOf(release, 'blue', deployment(change))).toEqual(read)
  })

  test('none leaves the color empty', () => expect(workloadOf(release, 'blue', undefined)).toBeUndefined())
})

describe('a pod', () => {
  const scheduled = { type: 'PodScheduled', status: 'True' }
  const notReady = [scheduled, { type: 'Ready', status: 'False' }]
  const container = (state: Partial<ContainerStatus>): ContainerStatus => ({
    name: 'server',
    ready: false,
    restartCount: 0,
    ...state,
  })
  const cases: Record<string, { status: Pod['status']; read: Partial<PodState> }> = {
    'that is ready': {
      status: { podIP: '10.0.0.1', conditions: [scheduled, { type: 'Ready', status: 'True' }] },
      read: { ip: '10.0.0.1', ready: 'Yes' },
    },
    'that nobody has looked at yet': { status: {}, read: { ready: 'No' } },
    'that only starts is in no trouble': {
      status: {
        conditions: notReady,
        containerStatuses: [container({ state: { waiting: { reason: 'ContainerCreating' } } })],
      },
      read: { ready: 'No' },
    },
    'that no node has room for': {
      status: {
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/1 nodes: Insufficient cpu',
          },
        ],
      },
      read: { ready: 'No', trouble: { reason: 'Unschedulable', message: '0/1 nodes: Insufficient cpu' } },
    },
    'that a load balancer does not take yet': {
      status: {
        conditions: [
          { type: 'ContainersReady', status: 'True' },
          {
            type: 'Ready',
            status: 'False',
            reason: 'ReadinessGatesNotReady',
            message:
              'the status of pod readiness gate "target-health.elbv2.k8s.aws/blue" is not "True", but False',
          },
        ],
        containerStatuses: [container({ ready: true, state: { running: {} } })],
      },
      read: {
        ready: 'No',
        trouble: {
          reason: 'ReadinessGatesNotReady',
          message:
            'the status of pod readiness gate "target-health.elbv2.k8s.aws/blue" is not "True", but False',
        },
      },
    },
    'that crash-loops says how it ended': {
      status: {
        conditions: notReady,
        containerStatuses: [
          container({
            state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
            lastState: { terminated: { exitCode: 3, reason: 'Error', message: 'no model\n' } },
          }),
        ],
      },
      read: {
        ready: 'No',
        trouble: {
          reason: 'CrashLoopBackOff',
          message: 'container "server": ended with exit code 3 (Error): no model; back-off 10s',
        },
      },
    },
    ...Object.fromEntries(
      ['ImagePullBackOff', 'ErrImagePull', 'CreateContainerConfigError', 'InvalidImageName'].map((reason) => [
        `that waits for ${reason}`,
        {
          status: {
            conditions: notReady,
            containerStatuses: [container({ state: { waiting: { reason, message: 'why' } } })],
          },
          read: { ready: 'No', trouble: { reason, message: 'container "server": why' } } as const,
        },
      ]),
    ),
    'that was killed for its memory and runs again': {
      status: {
        conditions: notReady,
        containerStatuses: [
          container({
            state: { running: {} },
            lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
          }),
        ],
      },
      read: {
        ready: 'No',
        trouble: { reason: 'OOMKilled', message: 'container "server": ended with exit code 137 (OOMKilled)' },
      },
    },
    'whose init container keeps failing': {
      status: {
        conditions: notReady,
        initContainerStatuses: [
          container({ name: 'fetch', state: { terminated: { exitCode: 1, signal: 9, reason: 'Error' } } }),
        ],
        containerStatuses: [container({ state: { waiting: { reason: 'PodInitializing' } } })],
      },
      read: {
        ready: 'No',
        trouble: { reason: 'Error', message: 'container "fetch": ended with signal 9 (Error)' },
      },
    },
    'whose init container has done its work is in no trouble': {
      status: {
        conditions: notReady,
        initContainerStatuses: [
          container({
            name: 'fetch',
            ready: true,
            state: { terminated: { exitCode: 0, reason: 'Completed' } },
          }),
        ],
        containerStatuses: [container({ state: { waiting: { reason: 'PodInitializing' } } })],
      },
      read: { ready: 'No' },
    },
    'that runs and fails its readiness probe': {
      status: { conditions: notReady, containerStatuses: [container({ state: { running: {} } })] },
      read: {
        ready: 'No',
        trouble: {
          reason: 'NotReady',
          message: 'container "server" runs, but its readiness probe has not succeeded',
        },
      },
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { status, read }) => {
    expect(podOf(pod(status))).toEqual({
      color: 'blue',
      pod: { name: 'one', revision: 'abc', containers: 1, ...read },
    })
  })

  describe('that is ready', () => {
    const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString()
    const ready = (seconds: number): ApiCondition[] => [
      { type: 'Ready', status: 'True', lastTransitionTime: at(seconds) },
    ]
    const running = (seconds: number, more: Partial<ContainerStatus> = {}): ContainerStatus =>
      container({ ready: true, state: { running: { startedAt: at(seconds) } }, ...more })
    const ended = (from: number, to: number): ContainerState => ({
      terminated: { exitCode: 1, startedAt: at(from), finishedAt: at(to) },
    })
    const steady: Record<string, { status: Pod['status']; read: Partial<PodState> }> = {
      'has been steady since it became ready': {
        status: { conditions: ready(20), containerStatuses: [running(5), running(3)] },
        read: { ready: 'Yes', steadySince: Date.parse(at(20)) },
      },
      'has been steady since a container started again, though it was never seen not to be ready': {
        status: { conditions: ready(20), containerStatuses: [running(5), running(40)] },
        read: { ready: 'Yes', steadySince: Date.parse(at(40)) },
      },
      'has been steady since a sidecar among its init containers started again': {
        status: {
          conditions: ready(20),
          initContainerStatuses: [container({ state: { terminated: { exitCode: 0 } } }), running(50)],
          containerStatuses: [running(5)],
        },
        read: { ready: 'Yes', steadySince: Date.parse(at(50)) },
      },
      'tells for how long at most a container of it lasted that ended': {
        status: {
          conditions: ready(60),
          containerStatuses: [
            running(60, { lastState: ended(10, 25) }),
            running(6, { lastState: ended(1, 5) }),
          ],
        },
        read: { ready: 'Yes', steadySince: Date.parse(at(60)), lastedMs: 15_000 },
      },
      'is not, where a sidecar without a probe is waiting to be started again': {
        status: {
          conditions: ready(20),
          containerStatuses: [
            running(5),
            container({ name: 'sidecar', state: { waiting: { reason: 'CrashLoopBackOff' } } }),
          ],
        },
        read: {
          ready: 'No',
          trouble: { reason: 'CrashLoopBackOff', message: 'container "sidecar": CrashLoopBackOff' },
        },
      },
      'is not, where a sidecar without a probe has ended': {
        status: {
          conditions: ready(20),
          containerStatuses: [
            running(5),
            container({ name: 'sidecar', state: { terminated: { exitCode: 1, reason: 'Error' } } }),
          ],
        },
        read: {
          ready: 'No',
          trouble: { reason: 'Error', message: 'container "sidecar": ended with exit code 1 (Error)' },
        },
      },
    }
    test.each(Object.entries(steady))('%s', (_name, { status, read }) => {
      expect(podOf(pod(status))).toEqual({
        color: 'blue',
        pod: { name: 'one', revision: 'abc', containers: 1, ...read },
      })
    })
  })

  describe('that runs and is not ready says what its probe asks', () => {
    const running = { podIP: '10.0.0.7', containerStatuses: [container({ state: { running: {} } })] }
    const asked = (probe: object): PodState | undefined => {
      const one = pod(running)
      one.spec = {
        containers: [
          { name: 'server', ports: [{ name: 'http', containerPort: 8081 }], readinessProbe: probe },
        ],
      }
      return podOf(one)?.pod
    }
    test.each([
      [{ httpGet: { path: '/ready', port: 9999 } }, 'GET /ready at port 9999', 'http://10.0.0.7:9999/ready'],
      [{ httpGet: { port: 'http' } }, 'GET / at port 8081', 'http://10.0.0.7:8081/'],
      [{ httpGet: { port: 1, scheme: 'HTTPS' } }, 'GET / at port 1', undefined],
      [{ httpGet: { port: 1, host: 'elsewhere' } }, 'GET / at port 1', undefined],
      [{ tcpSocket: { port: 'http' } }, 'a connection to port 8081', undefined],
      [{ grpc: { port: 7 } }, 'gRPC health at port 7', undefined],
      [{ exec: { command: ['/bin/ok', '-v'] } }, 'the command /bin/ok', undefined],
    ])('%j', (probe, text, url) => {
      const told = asked(probe)
      expect(told?.trouble?.message).toBe(
        `container "server" runs, but its readiness probe (${text}) has not succeeded`,
      )
      expect(told?.probe?.url).toBe(url)
    })
  })

  test('that is being deleted is Terminating even while its condition says ready', () => {
    const leaving = pod({ conditions: [{ type: 'Ready', status: 'True' }] })
    leaving.metadata.deletionTimestamp = '2026-11-01T00:00:00Z'
    expect(podOf(leaving)?.pod.ready).toBe('Terminating')
  })

  test.each(['Failed', 'Succeeded'])('that has %s for good counts as none', (phase) => {
    expect(podOf(pod({ phase }))).toBeUndefined()
  })

  test('without a color counts as none', () => {
    const stranger = pod({})
    stranger.metadata.labels = { [LABEL.name]: 'housing' }
    expect(podOf(stranger)).toBeUndefined()
  })

  test('with a long termination message is told briefly', () => {
    const terminated = { exitCode: 1, message: 'x'.repeat(5000) }
    const told = podOf(pod({ containerStatuses: [container({ state: { terminated } })] }))
    expect(told?.pod.trouble?.message.length).toBeLessThanOrEqual(600)
  })

  const spec = { template: { spec: {} } } as unknown as Spec
  // As containerd 1.6 and 2 say it; a name in production has a digest, and stands there four times.
  const image = `123456789012.dkr.ecr.eu-central-1.amazonaws.com/housing/predictor@sha256:${'0'.repeat(64)}`
  const pulling = `Back-off pulling image "${image}": ErrImagePull: failed to pull and unpack image "${image}": failed to resolve reference "${image}": `
  test.each([
    [`${image}: not found`, 'its registry has no such image'],
    [
      `pulling from host 123456789012.dkr.ecr.eu-central-1.amazonaws.com failed with status code [manifests sha256:${'0'.repeat(64)}]: 401 Unauthorized`,
      'give spec.template.spec.imagePullSecrets a Secret that the registry accepts',
    ],
    [
      'failed to do request: Head "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com/v2/": dial tcp: i/o timeout',
      'have the nodes reach and trust the registry',
    ],
  ])('whose image cannot be pulled says why, however long its name is: %s', (cause, remedy) => {
    const waiting = { reason: 'ImagePullBackOff', message: pulling + cause }
    const told = podOf(pod({ containerStatuses: [container({ state: { waiting } })] }))
    const { reason = '', message = '' } = told?.pod.trouble ?? {}
    expect(message.length).toBeLessThanOrEqual(600)
    expect(remedyOf(spec, `${reason}: ${message}`)).toContain(remedy)
  })
})

describe('a color Service', () => {
  test('is read with its address, its target port and the origin that it was made for', () => {
    const service = serviceWith({ [LABEL.name]: 'housing', [LABEL.color]: 'blue' })
    expect(serviceOf(release, 'blue', service)).toEqual({
      uid: 's1',
      resourceVersion: '9',
      address: '10.1.0.5',
      targetPort: 8080,
      ownership: 'Free',
      origin: 'Service/blue',
    })
  })

  const edits: Record<string, [change: (service: Service) => void, differs: string]> = {
    'a selector': [(it) => (it.spec.selector = { app: 'x' }), 'spec.selector is app=x instead of'],
    'a selector with more': [
      (it) => (it.spec.selector = { ...it.spec.selector, track: 'a' }),
      'spec.selector is',
    ],
    'no selector': [(it) => delete it.spec.selector, 'spec.selector is empty'],
    'other ports': [(it) => (it.spec.ports = [{ port: 81, targetPort: 81 }]), 'spec.ports has no port 80'],
    'a port of another protocol': [
      (it) => (it.spec.ports = [{ port: 80, protocol: 'UDP' }]),
      'port 80 for UDP',
    ],
    'pods that are not ready': [(it) => (it.spec.publishNotReadyAddresses = true), 'not ready'],
    'no labels': [(it) => delete it.metadata.labels, `label ${LABEL.name} is missing`],
  }
  test.each(Object.entries(edits))(
    'that somebody gave %s is ours, and differs',
    (_name, [change, differs]) => {
      const service = serviceWith({ [LABEL.name]: 'housing', [LABEL.color]: 'blue' })
      change(service)
      expect(serviceOf(release, 'blue', service)?.differs).toContain(differs)
    },
  )

  test('that is somebody else’s counts as none', () => {
    const service = serviceWith({})
    service.metadata.labels = {}
    expect(serviceOf(release, 'blue', service)).toBeUndefined()
  })
})

describe('the color that a selector leads to', () => {
  const selector = { [LABEL.name]: 'housing', [LABEL.color]: 'green' }
  test.each([
    ['exactly ours', selector, 'green'],
    ['ours and more: fewer pods of that color, and no others', { ...selector, track: 'a' }, 'green'],
    ['nothing: it leads nowhere', {}, ''],
    ['the release without a color: both', { [LABEL.name]: 'housing' }, `${LABEL.name}=housing`],
    ['another release', { ...selector, [LABEL.name]: 'other' }, `${LABEL.name}=other,${LABEL.color}=green`],
    ['labels of the user’s own', { app: 'x' }, 'app=x'],
  ])('%s', (_name, labels, expected) => {
    expect(selectedBy(serviceWith(labels as Record<string, string>), 'housing')).toBe(expected)
  })
})

test('an object of a color is not the pointer of the release', () => {
  expect(isOurs(deployment(), 'housing')).toBe(false)
  expect(isOurs(deployment(), 'housing', 'blue')).toBe(true)
})

test('a ControllerRevision that we did not write is no stored revision', () => {
  const { metadata } = deployment()
  const data = {
    attempt: 'abc-1',
    revision: 'abc',
    generation: 1,
    template: {},
    port: 1,
    gates: [],
    identity: 'None',
  }
  expect(storedIn({ metadata, data })).toEqual(data)
  expect(storedIn({ metadata, data: { ...data, port: '1' } })).toBeUndefined()
  expect(storedIn({ metadata, data: null })).toBeUndefined()
})

function ownedBy(uid: string): NonNullable<Deployment['metadata']['ownerReferences']>[number] {
  return { apiVersion: 'modelrelease.io/v1alpha1', kind: 'ModelRelease', name: 'housing', uid }
}

function pod(status: Pod['status']): Pod {
  return {
    metadata: { name: 'one', namespace: 'models', uid: 'p1', resourceVersion: '8', labels: { ...ours } },
    spec: { containers: [{ name: 'server' }] },
    ...(status ? { status } : {}),
  }
}

function serviceWith(selector: Record<string, string>): Service {
  return {
    metadata: {
      name: 'housing-blue',
      namespace: 'models',
      uid: 's1',
      resourceVersion: '9',
      labels: { ...ours },
      annotations: { 'modelrelease.io/origin': 'Service/blue' },
    },
    spec: { clusterIP: '10.1.0.5', selector, ports: [{ port: 80, targetPort: 8080 }] },
  }
}
