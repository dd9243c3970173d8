import { describe, expect, test } from '@jest/globals'
import { countedReads } from '../../test/fakes/counted-reads.ts'
import { templateEdits } from './template-edits.ts'

const stored = {
  metadata: { labels: { team: 'a' } },
  spec: {
    tolerations: [{ key: 'own' }],
    containers: [
      {
        name: 'web',
        image: 'x:1',
        env: [{ name: 'VERSION', value: '1' }],
        ports: [{ containerPort: 8080 }],
        resources: { limits: { cpu: '1000m' } },
      },
    ],
  },
}

/** As the API server keeps it: with defaults, with what a policy put there in our own write, and changed by somebody. */
function found(
  change: (web: Record<string, unknown>, spec: Record<string, unknown>) => void = () => undefined,
): unknown {
  const template = structuredClone(stored) as unknown as {
    spec: { containers: Record<string, unknown>[]; [member: string]: unknown }
  }
  const [web = {}] = template.spec.containers
  Object.assign(web, {
    terminationMessagePath: '/dev/t',
    resources: { limits: { cpu: '1' } },
    image: 'mirror/x:1',
  })
  change(web, template.spec)
  template.spec.containers.unshift({ name: 'sidecar', image: 'mesh' })
  template.spec.dnsPolicy = 'ClusterFirst'
  return template
}

function by(name: string, web: object, others: object = {}): { name: string; fields: unknown } {
  return { name, fields: { 'f:spec': { 'f:containers': { 'k:{"name":"web"}': web }, ...others } } }
}

const setEnv = by('kubectl-set', { 'f:env': { 'k:{"name":"VERSION"}': { 'f:value': {} } } })

const cases: Record<
  string,
  {
    template: unknown
    writers?: { name: string; fields: unknown }[]
    replaced?: 'Yes'
    edits?: string[]
    additions?: string[]
  }
> = {
  'none where nobody else wrote, whatever defaults and policies added': {
    template: found(),
    writers: [],
    edits: [],
  },
  'a variable': {
    template: found((web) => (web.env = [{ name: 'VERSION', value: '99' }])),
    writers: [setEnv],
    edits: ['spec.containers[web].env[VERSION].value (by kubectl-set)'],
  },
  'none where it was set back': { template: found(), writers: [setEnv], edits: [] },
  'an image': {
    template: found((web) => (web.image = 'x:2')),
    writers: [by('kubectl-edit', { 'f:image': {} })],
    edits: ['spec.containers[web].image (by kubectl-edit)'],
  },
  'a variable that was added': {
    template: found((web) => (web.env = [...(web.env as object[]), { name: 'DEBUG', value: '1' }])),
    writers: [by('tool', { 'f:env': { 'k:{"name":"DEBUG"}': { '.': {}, 'f:name': {}, 'f:value': {} } } })],
    additions: ['spec.containers[web].env[DEBUG] (by tool)'],
  },
  'a container, and a command': {
    template: found((web, spec) => {
      web.command = ['sh']
      ;(spec.containers as object[]).push({ name: 'late' })
    }),
    writers: [
      {
        name: 'tool',
        fields: {
          'f:spec': {
            'f:containers': {
              'k:{"name":"web"}': { 'f:command': {} },
              'k:{"name":"late"}': { '.': {}, 'f:name': {} },
            },
          },
        },
      },
    ],
    edits: ['spec.containers[web].command (by tool)'],
    additions: ['spec.containers[late] (by tool)'],
  },
  'none where a quantity was written otherwise': {
    template: found(),
    writers: [by('tool', { 'f:resources': { 'f:limits': { 'f:cpu': {} } } })],
    edits: [],
  },
  'none of a restart, which writes an annotation': {
    template: found(),
    writers: [
      {
        name: 'kubectl-rollout',
        fields: { 'f:metadata': { 'f:annotations': { 'f:kubectl.kubernetes.io/restartedAt': {} } } },
      },
    ],
    edits: [],
  },
  'a port whose protocol is a default': {
    template: found((web) => (web.ports = [{ containerPort: 8080, protocol: 'TCP', hostPort: 80 }])),
    writers: [
      by('tool', { 'f:ports': { 'k:{"containerPort":8080,"protocol":"TCP"}': { 'f:hostPort': {} } } }),
    ],
    additions: ['spec.containers[web].ports[8080].hostPort (by tool)'],
  },
  'no edit where a policy added a field, a variable, a toleration and a container in the write of somebody else':
    {
      template: found((web, spec) => {
        web.securityContext = { privileged: false }
        web.env = [...(web.env as object[]), { name: 'PROXY', value: 'p' }]
        spec.tolerations = [{ key: 'own' }, { key: 'policy' }]
      }),
      writers: [
        by(
          'kyverno',
          {
            'f:securityContext': { 'f:privileged': {} },
            'f:env': { 'k:{"name":"PROXY"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
          },
          { 'f:tolerations': {} },
        ),
      ],
      additions: [
        'spec.containers[web].securityContext (by kyverno)',
        'spec.containers[web].env[PROXY] (by kyverno)',
        'spec.tolerations (by kyverno)',
      ],
    },
  'an edit where a toleration of ours was taken away': {
    template: found((_web, spec) => (spec.tolerations = [{ key: 'policy' }])),
    writers: [{ name: 'tool', fields: { 'f:spec': { 'f:tolerations': {} } } }],
    edits: ['spec.tolerations (by tool)'],
  },
  'a variable that was removed, which leaves no writer': {
    template: found((web) => delete web.env),
    replaced: 'Yes',
    edits: ['spec.containers[web].env (removed)'],
  },
  'one variable of several, a value that gave way to a reference, and an annotation': {
    template: found((web, spec) => {
      web.env = [{ name: 'VERSION', valueFrom: { fieldRef: {} } }]
      delete spec.nodeSelector
    }),
    writers: [by('tool', { 'f:env': { 'k:{"name":"VERSION"}': { 'f:valueFrom': {} } } })],
    replaced: 'Yes',
    edits: ['spec.containers[web].env[VERSION].value (removed)'],
    additions: ['spec.containers[web].env[VERSION].valueFrom (by tool)'],
  },
  'a container, and labels that the user gave': {
    template: {
      ...(found((_web, spec) => (spec.containers as object[]).pop()) as object),
      metadata: { annotations: { restartedAt: 'now' } },
    },
    replaced: 'Yes',
    edits: ['metadata.labels (removed)', 'spec.containers[web] (removed)'],
  },
  'nothing that is missing since it was made: an older server, or a policy, took it away then': {
    template: found((web) => delete web.env),
  },
  'nothing where it was only started again': {
    template: {
      ...(found() as object),
      metadata: { labels: { team: 'a' }, annotations: { restartedAt: 'now' } },
    },
    replaced: 'Yes',
  },
}

test.each(Object.entries(cases))('%s', (_name, expected) => {
  const { template, writers = [], replaced = 'No', edits = [], additions = [] } = expected
  expect(templateEdits(stored, { template, writers, replaced })).toEqual({ edits, additions })
})

describe('a list of a thousand is walked through once', () => {
  const many = <Item>(item: (index: number) => Item): Item[] =>
    Array.from({ length: 1_000 }, (_, index) => item(index))
  const templateOf = (web: object): { spec: { containers: object[] } } => ({
    spec: { containers: [{ name: 'web', ...web }] },
  })
  const env = (value: string): object => ({ env: many((index) => ({ name: `V${index}`, value })) })
  const setValue = (index: number): object => ({ [`k:{"name":"V${index}"}`]: { 'f:value': {} } })
  const writers: Record<string, { name: string; fields: unknown }[]> = {
    'for all that one writer says of it': [
      by('one', { 'f:env': Object.assign({}, ...many(setValue)) as object }),
    ],
    'for a thousand writers': many((index) => by(`w${index}`, { 'f:env': setValue(index) })),
  }
  test.each(Object.entries(writers))('%s', (_name, all) => {
    const before = countedReads(templateOf(env('1')))
    const after = countedReads(templateOf(env('2')))
    expect(
      templateEdits(before.value, { replaced: 'Yes', template: after.value, writers: all }).edits,
    ).toHaveLength(1_000)
    // Each with all would be 1,000,000 and more.
    expect(before.reads() + after.reads()).toBeLessThan(100_000)
  })

  test('where somebody else wrote tolerations anew, in another order', () => {
    const tolerations = many((index) => ({ key: `k${index}` }))
    const before = countedReads({ spec: { tolerations: [...tolerations] } })
    const after = countedReads({ spec: { tolerations: [...tolerations.toReversed(), { key: 'more' }] } })
    const writers = [{ name: 'tool', fields: { 'f:spec': { 'f:tolerations': {} } } }]
    expect(templateEdits(before.value, { template: after.value, writers, replaced: 'No' })).toEqual({
      edits: [],
      additions: ['spec.tolerations (by tool)'],
    })
    expect(before.reads() + after.reads()).toBeLessThan(100_000)
  })

  test('and of two ports of one number the one of its protocol is found', () => {
    const ports = (hostPort: number): { spec: object } =>
      templateOf({
        ports: [
          { containerPort: 53, protocol: 'TCP' },
          { containerPort: 53, protocol: 'UDP', hostPort },
        ],
      })
    const fields = { 'f:ports': { 'k:{"containerPort":53,"protocol":"UDP"}': { 'f:hostPort': {} } } }
    expect(
      templateEdits(ports(1), { replaced: 'Yes', template: ports(2), writers: [by('tool', fields)] }).edits,
    ).toEqual(['spec.containers[web].ports[53].hostPort (by tool)'])
  })
})
