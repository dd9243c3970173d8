import { ApiClient } from '../api-client.ts'
import { LeaderElector } from '../leader-election.ts'
import { leaseStore } from '../leader-lease.ts'

/** Takes part in an election and writes all the time while it leads; run by operator.test.ts, which stops it. */
const [identity = '', server = ''] = process.argv.slice(2)
const access = new ApiClient({
  getCurrentCluster: () => ({ name: 'fake', server, skipTLSVerify: true }),
  applyToHTTPSOptions: () => Promise.resolve(),
})

const elector = new LeaderElector({
  store: leaseStore(access, 'system', 'election', 400),
  identity,
  times: { durationMs: 2_000, renewDeadlineMs: 1_000, retryMs: 100 },
  onLeading: () => {
    console.log('leading')
    void write()
  },
  onLost: (reason) => {
    console.log(`lost: ${reason}`)
    process.exit(1)
  },
})
const guarded = access.guarded(() => elector.isHeld())

async function write(): Promise<void> {
  for (let count = 0; ; count++) {
    const metadata = { namespace: 'system', name: `${identity}-${count}` }
    const body = JSON.stringify({ metadata })
    await guarded.request({ method: 'POST', path: `/api/v1/namespaces/system/events?by=${identity}`, body })
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

elector.start()
if (elector.role === 'standby') console.log('standing by')
