/** How soon to look again where no watch will tell. */

/** How often a pointer that is propagating is read again. */
export const PROPAGATION_POLL_MS = 5000

/** The soonest, where it is known when it will have propagated. */
export const LEAST_POLL_MS = 250

/** How often it is looked whether what is still being asked is still to be known; the last answer itself is told at once. */
export const ASKING_POLL_MS = 2000

/** How often users' answers are asked for while it is not sure yet that every edge follows a key. */
export const EARLY_ASK_MS = 2000

/** How soon a claim, an origin or a permission that is missing is looked for again. */
export const BLOCKED_RECHECK_MS = 60_000

/** How soon it is tried again to have the behaviors of a distribution follow a key, after that was refused. */
export const FALLBACK_RETRY_MS = 300_000

/** How long at most what nothing waits for is left alone after it failed. */
export const ASIDE_RETRY_MS = 300_000

/** How soon pods that are not ready are looked at again; their changes are watched anyway. */
export const PODS_RECHECK_MS = 30_000

/** How often ConfigMaps are read that pods get their settings from, where nothing else happens: nobody watches them. */
export const CONFIG_POLL_MS = 60_000

/** How long edges may take to follow the pointer before it is told; CloudFront's own word is "within 5 minutes". */
export const SLOW_PROPAGATION_MS = 600_000

/** How often the gates are asked while a share of the clients is at a candidate. */
export const HOLD_ASK_MS = 30_000

/** How soon the gates are asked again there after no usable answer. */
export const ASK_AGAIN_MS = 5000

/** For how long a candidate that users are at may give no usable answer. */
export const UNANSWERED_MS = 30_000

/** For how long no pod of the live color may be ready where one of them has crashed, or lost the readiness that it had. */
export const LIVE_FALLEN_MS = 10_000

/** The same where all are new, as after a node was drained; and for how long all of them may go on crashing, if not all at once. */
export const LIVE_DOWN_MS = 60_000

/** For how long the live color must have been whole for its failure to be over. */
export const LIVE_CALM_MS = 60_000

/** For how long pods of the live color may be missing for lack of quota before what is not live gives its room up. */
export const SHORT_OF_QUOTA_MS = 60_000

/** The same for lack of nodes: an autoscaler may be bringing some, which takes minutes. */
export const SHORT_OF_NODES_MS = 300_000

/** For how long pods may be lost, where a share of the clients is at a candidate and others still answer. */
export const LOST_MS = 10_000
