// Generated from crds/modelrelease.yaml by `npm run generate`; do not edit.

/**
 * What should serve, and what it must prove before users reach it.
 */
export interface ModelReleaseSpec {
  /**
   * Pods of the live color. The candidate and the warm color are held at the same number, so that a color about to take all traffic is never small. Left out, the number stays what it is, and a first release has one pod; an autoscaler needs a number to begin with (kubectl scale gives it). A smaller number that comes with a new revision is that revision's: the color that is live keeps its pods until the new one is.
   */
  replicas?: number
  /**
   * A model for the model server. Exactly one of model and template.
   */
  model?: {
    /**
     * Name of the model, as in the paths and headers of the model server.
     */
    name: string
    /**
     * Version of the model, as in the paths and headers of the model server.
     */
    version: string
    /**
     * Where the model server fetches the model: a file:///, http:// or https:// URL, s3://BUCKET/KEY, or mlflow:/models:/NAME/VERSION of a registry. How it signs in to a store stands in env.
     */
    uri: string
    /**
     * Digest of the model file, 64 lower-case hexadecimal digits. Bytes with another digest are never loaded. Without it the digest that passed the gates is pinned for every later pod of the revision.
     */
    sha256?: string
    /**
     * Prefix under which the model server answers, besides without it: a behavior like /housing/* forwards its prefix, so /housing.
     */
    basePath?: string
    /**
     * Image of the model server. Default: the one that the operator was given; the image in use when the revision was first built stays with that revision.
     */
    serverImage?: string
    /**
     * Further environment variables of the model server.
     *
     * Items: A core/v1 EnvVar.
     */
    env?: {
      /**
       * Name of the variable.
       */
      name: string
      /**
       * Value of the variable.
       */
      value?: string
      [k: string]: unknown
    }[]
    /**
     * A core/v1 ResourceRequirements for the model server.
     */
    resources?: {
      [k: string]: unknown
    }
    /**
     * ServiceAccount of the pods.
     */
    serviceAccountName?: string
    /**
     * Secrets in the namespace of the release that hold registry credentials.
     *
     * Items: A reference to a Secret.
     */
    imagePullSecrets?: {
      /**
       * Name of the Secret.
       */
      name: string
    }[]
    /**
     * Labels that the node must have.
     */
    nodeSelector?: {
      [k: string]: string
    }
    /**
     * Tolerations of the pods.
     *
     * Items: A core/v1 Toleration.
     */
    tolerations?: {
      [k: string]: unknown
    }[]
  }
  /**
   * A core/v1 PodTemplateSpec of any image. The container that serves spec.port must have a readinessProbe. Exactly one of model and template.
   */
  template?: {
    [k: string]: unknown
  }
  /**
   * Port on which the container serves. The color Services listen on port 80 and forward to it.
   */
  port: number
  /**
   * What a candidate must prove before users reach it; each gate is asked of every candidate pod, through the candidate's own Service, and through its origin.
   *
   * Items: One proof. Exactly one kind of gate each; smoke is the kind there is.
   */
  gates?: {
    /**
     * Name of the gate, unique in the release.
     */
    name: string
    /**
     * A request and the answer that is expected to it.
     */
    smoke: {
      /**
       * The request to send; json or body, not both.
       */
      request: {
        /**
         * HTTP method.
         */
        method: 'GET' | 'POST' | 'PUT'
        /**
         * Path and query, beginning with a slash; no spaces and no fragment.
         */
        path: string
        /**
         * Headers to send.
         *
         * Items: One header. Exactly one of value and valueFrom.
         */
        headers?: {
          /**
           * Name of the header.
           */
          name: string
          /**
           * Value of the header, which everybody sees who may view the release.
           */
          value?: string
          /**
           * Where the value stands instead of here.
           */
          valueFrom?: {
            /**
             * A key of a Secret in the namespace of the release, read anew each time that the gates or verify are asked. The operator needs a Role there that lets it get this Secret by its name. The value is sent as it is, so the scheme ("Bearer ") stands in the Secret as well. It is nowhere written by the operator.
             */
            secretKeyRef: {
              /**
               * Name of the Secret.
               */
              name: string
              /**
               * Key of its data.
               */
              key: string
            }
          }
        }[]
        /**
         * Body, sent as application/json.
         */
        json?: unknown
        /**
         * Body, sent as it is.
         */
        body?: string
      }
      /**
       * What the answer must be. A wrong answer fails at once; only connection errors and status 503 are tried again until the deadline.
       */
      expect: {
        /**
         * HTTP status. Redirects are not followed.
         */
        status: number
        /**
         * Values that the JSON body must hold.
         *
         * Items: One value.
         */
        json?: {
          /**
           * Where it stands, for example $.prediction[0].
           */
          path: string
          /**
           * The value that it must equal.
           */
          equals: unknown
          /**
           * How far a number may be from equals. Default: exactly equal.
           */
          absoluteTolerance?: number
        }[]
        /**
         * Text that the body must contain.
         */
        bodyContains?: string
        /**
         * How long the whole answer may take.
         */
        maxLatencyMilliseconds?: number
      }
      /**
       * How many right answers in a row each pod must give.
       */
      consecutive: number
      /**
       * How long to wait for one answer. No answer in time is not a pass.
       */
      timeoutSeconds: number
    }
  }[]
  /**
   * The pointer, which decides where users go.
   */
  traffic: {
    /**
     * Kind of the pointer.
     */
    type: 'Service' | 'CloudFrontDistribution' | 'CloudFrontKeyValueStore'
    /**
     * Settings of a Service pointer.
     */
    service?: {
      /**
       * Name of the ClusterIP Service that users reach. Default: the name of the release.
       */
      name?: string
    }
    /**
     * Settings of a CloudFront pointer. Only TargetOriginId of the named behaviors is ever changed.
     */
    cloudFrontDistribution?: {
      /**
       * Id of the distribution.
       */
      distributionId: string
      /**
       * Cache behaviors that follow this release.
       *
       * Items: One behavior.
       */
      behaviors: {
        /**
         * Its path pattern, exactly as in the distribution; "*" is the default behavior.
         */
        pathPattern: string
      }[]
      /**
       * The two permanent origins of the distribution.
       */
      origins: {
        /**
         * Origin id that leads to the blue Service.
         */
        blue: string
        /**
         * Origin id that leads to the green Service.
         */
        green: string
      }
      /**
       * Only CloudFrontKeyValueStore can send a share of the clients; refused here.
       *
       * Items: One step.
       */
      canary?: {
        /**
         * Percent of the clients that go to the candidate; more in every step.
         */
        weight: number
        /**
         * How long, before the gates are asked again for the next step.
         */
        holdSeconds: number
      }[]
      /**
       * Required (the default): before the switch the gates are also asked through the candidate's own origin, at the address, with the TLS, path, headers and Host of the distribution's configuration. Waived: for origins that the operator cannot reach, such as VPC origins; then only verify proves that way, after the switch.
       */
      originProof?: 'Required' | 'Waived'
      /**
       * Whether the pointer may name a third origin when the release comes: it is taken over from that origin, which an undo goes back to until a second revision was promoted. Otherwise an unknown origin stops everything.
       */
      adopt?: boolean
      /**
       * What to do when somebody else moves the pointer after a promotion. Warn (the default): it is told and both colors are kept. Repair: it is brought back, proven as in a switch; after three times from the same place within an hour it is left there, and told. Ignore: only the condition Drifted tells.
       */
      driftPolicy?: 'Warn' | 'Repair' | 'Ignore'
      /**
       * Paths that are removed from CloudFront's caches once every edge follows a move, there or back. Needed only where answers to GET are cached. A path with a wildcard counts as one.
       *
       * Items: One path, for example /ui/*.
       */
      invalidationPaths?: string[]
      /**
       * How it is proven after the switch that users are answered by the new revision.
       */
      verify: {
        /**
         * Answers: consecutive answers through the distribution must come from the new revision. DeployedOnly: the status Deployed is enough.
         */
        type: 'Answers' | 'DeployedOnly'
        /**
         * Public URL to ask; private addresses only where the operator's PROBE_ALLOWED_RANGES has them. An answer is the new revision's when its identity headers say so, or, without identity headers, when it meets expect.
         */
        url?: string
        /**
         * HTTP method.
         */
        method: 'GET' | 'POST' | 'PUT'
        /**
         * Headers to send.
         *
         * Items: One header. Exactly one of value and valueFrom.
         */
        headers?: {
          /**
           * Name of the header.
           */
          name: string
          /**
           * Value of the header, which everybody sees who may view the release.
           */
          value?: string
          /**
           * Where the value stands instead of here.
           */
          valueFrom?: {
            /**
             * A key of a Secret in the namespace of the release, read anew each time that the gates or verify are asked. The operator needs a Role there that lets it get this Secret by its name. The value is sent as it is, so the scheme ("Bearer ") stands in the Secret as well. It is nowhere written by the operator.
             */
            secretKeyRef: {
              /**
               * Name of the Secret.
               */
              name: string
              /**
               * Key of its data.
               */
              key: string
            }
          }
        }[]
        /**
         * Body, sent as application/json.
         */
        json?: unknown
        /**
         * What the answers must be. Required with a template, whose containers have no identity headers, and there it must hold json or bodyContains, so that it can tell the new revision from the old one.
         */
        expect?: {
          /**
           * HTTP status. Redirects are not followed.
           */
          status: number
          /**
           * Values that the JSON body must hold.
           *
           * Items: One value.
           */
          json?: {
            /**
             * Where it stands, for example $.prediction[0].
             */
            path: string
            /**
             * The value that it must equal.
             */
            equals: unknown
            /**
             * How far a number may be from equals. Default: exactly equal.
             */
            absoluteTolerance?: number
          }[]
          /**
           * Text that the body must contain.
           */
          bodyContains?: string
          /**
           * How long the whole answer may take.
           */
          maxLatencyMilliseconds?: number
        }
        /**
         * How many answers in a row.
         */
        consecutive: number
      }
    }
    /**
     * Settings of a pointer that a CloudFront Function reads out of a key value store at every request. Moved within seconds, for a share of the clients too. The distribution is changed only where a static TargetOriginId of the named behaviors names a color, so that it follows after a promotion.
     */
    cloudFrontKeyValueStore?: {
      /**
       * ARN of the key value store.
       */
      keyValueStoreArn: string
      /**
       * The key that the function of the behaviors reads.
       */
      key: string
      /**
       * Id of the distribution.
       */
      distributionId: string
      /**
       * Cache behaviors that follow this release.
       *
       * Items: One behavior.
       */
      behaviors: {
        /**
         * Its path pattern, exactly as in the distribution; "*" is the default behavior.
         */
        pathPattern: string
      }[]
      /**
       * The two permanent origins of the distribution.
       */
      origins: {
        /**
         * Origin id that leads to the blue Service.
         */
        blue: string
        /**
         * Origin id that leads to the green Service.
         */
        green: string
      }
      /**
       * A share of the clients first, step by step. The gates are asked every 30 seconds in a step and once more after it; when one fails or gets no usable answer for 30 seconds, or a pod of the candidate is not ready for 10, all clients are brought back at once. Without a color or origin that serves, the switch is for all at once.
       *
       * Items: One step.
       */
      canary?: {
        /**
         * Percent of the clients that go to the candidate; more in every step.
         */
        weight: number
        /**
         * How long, before the gates are asked again for the next step.
         */
        holdSeconds: number
      }[]
      /**
       * Request header, in lower case, that a client is recognized by, so that it stays where it is; not cookie, which a function is not given as a header, nor host, which is the same for all. Default: the address of the viewer.
       */
      canaryClientHeader?: string
      /**
       * Required (the default): before the switch the gates are also asked through the candidate's own origin, at the address, with the TLS, path, headers and Host of the distribution's configuration. Waived: for origins that the operator cannot reach, such as VPC origins; then only verify proves that way, after the switch.
       */
      originProof?: 'Required' | 'Waived'
      /**
       * Whether the pointer may name a third origin when the release comes: it is taken over from that origin, which an undo goes back to until a second revision was promoted. Otherwise an unknown origin stops everything.
       */
      adopt?: boolean
      /**
       * What to do when somebody else moves the pointer after a promotion. Warn (the default): it is told and both colors are kept. Repair: it is brought back, proven as in a switch; after three times from the same place within an hour it is left there, and told. Ignore: only the condition Drifted tells.
       */
      driftPolicy?: 'Warn' | 'Repair' | 'Ignore'
      /**
       * Paths that are removed from CloudFront's caches once every edge follows a move, there or back. Needed only where answers to GET are cached. A path with a wildcard counts as one.
       *
       * Items: One path, for example /ui/*.
       */
      invalidationPaths?: string[]
      /**
       * How it is proven after the switch that users are answered by the new revision.
       */
      verify: {
        /**
         * Answers: consecutive answers through the distribution must come from the new revision. DeployedOnly: the status Deployed is enough.
         */
        type: 'Answers' | 'DeployedOnly'
        /**
         * Public URL to ask; private addresses only where the operator's PROBE_ALLOWED_RANGES has them. An answer is the new revision's when its identity headers say so, or, without identity headers, when it meets expect.
         */
        url?: string
        /**
         * HTTP method.
         */
        method: 'GET' | 'POST' | 'PUT'
        /**
         * Headers to send.
         *
         * Items: One header. Exactly one of value and valueFrom.
         */
        headers?: {
          /**
           * Name of the header.
           */
          name: string
          /**
           * Value of the header, which everybody sees who may view the release.
           */
          value?: string
          /**
           * Where the value stands instead of here.
           */
          valueFrom?: {
            /**
             * A key of a Secret in the namespace of the release, read anew each time that the gates or verify are asked. The operator needs a Role there that lets it get this Secret by its name. The value is sent as it is, so the scheme ("Bearer ") stands in the Secret as well. It is nowhere written by the operator.
             */
            secretKeyRef: {
              /**
               * Name of the Secret.
               */
              name: string
              /**
               * Key of its data.
               */
              key: string
            }
          }
        }[]
        /**
         * Body, sent as application/json.
         */
        json?: unknown
        /**
         * What the answers must be. Required with a template, whose containers have no identity headers, and there it must hold json or bodyContains, so that it can tell the new revision from the old one.
         */
        expect?: {
          /**
           * HTTP status. Redirects are not followed.
           */
          status: number
          /**
           * Values that the JSON body must hold.
           *
           * Items: One value.
           */
          json?: {
            /**
             * Where it stands, for example $.prediction[0].
             */
            path: string
            /**
             * The value that it must equal.
             */
            equals: unknown
            /**
             * How far a number may be from equals. Default: exactly equal.
             */
            absoluteTolerance?: number
          }[]
          /**
           * Text that the body must contain.
           */
          bodyContains?: string
          /**
           * How long the whole answer may take.
           */
          maxLatencyMilliseconds?: number
        }
        /**
         * How many answers in a row.
         */
        consecutive: number
      }
    }
  }
  /**
   * How long the old color stays warm at the same size after the new one was verified; undo is instant until then. Never less than what an answer may take (30 seconds, or the response timeout of the origin) beyond what its pods finish by themselves when they are told to end: 25 seconds of a model, a preStop sleep of your own containers.
   */
  retireAfterSeconds: number
  /**
   * How long a failed candidate is kept for a look. Its last log lines are kept in the status in any case.
   */
  failedCandidateRetentionSeconds: number
  /**
   * For how long every container of every pod of the candidate must have been up and ready, without a restart, before users are sent to it. A pod with a container that has ended must last longer than that container did, for up to a minute more. A way back asks for none of it.
   */
  minReadySeconds: number
  /**
   * How long an attempt may take from its start until it is ready to switch.
   */
  progressDeadlineSeconds: number
  /**
   * What happens when every pod of the live color crashes or loses its readiness while the color before is still warm. It is told in either case; with ReturnWhileWarm users are led back to the color before, once, and the attempt ends as RolledBack. See docs/conditions.md, LiveColorFailed.
   */
  liveFailurePolicy: 'ReturnWhileWarm' | 'Tell'
  /**
   * Whether each color that serves has a PodDisruptionBudget of its own (maxUnavailable 1), so that draining nodes never takes all of its pods. Default: Make. Where a budget of yours selects the same pods, none is made.
   */
  disruptionBudget?: 'Make' | 'None'
  /**
   * What deleting the release does to the color that serves. Default: Retain with a CloudFront pointer, Delete with a Service pointer.
   */
  deletionPolicy?: 'Retain' | 'Delete'
}

/**
 * What was last seen and decided. A report, never the truth; the operator rebuilds it when it is lost.
 */
export interface ModelReleaseStatus {
  /**
   * The state, as metav1.Condition; reasons are listed in docs/conditions.md.
   *
   * Items: One condition.
   */
  conditions?: {
    /**
     * Type of the condition.
     */
    type: string
    /**
     * Whether it holds.
     */
    status: 'True' | 'False' | 'Unknown'
    /**
     * Why, as a word of a closed list.
     */
    reason: string
    /**
     * Why, for a person, and what to do.
     */
    message: string
    /**
     * When the status last changed.
     */
    lastTransitionTime: string
    /**
     * Generation of the spec that this was said of.
     */
    observedGeneration?: number
  }[]
  /**
   * Generation of the spec that the whole status was made for.
   */
  observedGeneration?: number
  /**
   * What is worst, for a person: that users get no answers, else why it stalls, else how far it is. Derived from the conditions.
   */
  message?: string
  /**
   * The revision that the live color holds, which users get.
   */
  liveRevision?: string
  /**
   * One word for people; derived from the rest.
   */
  phase?:
    | 'Pending'
    | 'Building'
    | 'Gating'
    | 'Canary'
    | 'Switching'
    | 'Verifying'
    | 'RollingBack'
    | 'Live'
    | 'Aborted'
    | 'RolledBack'
    | 'Failed'
    | 'Stalled'
  /**
   * The color that the pointer names; absent while it names none or several.
   */
  liveColor?: 'blue' | 'green'
  /**
   * Label selector of the pods of the live color, for the scale subresource.
   */
  selector?: string
  /**
   * Pods of the live color.
   */
  replicas?: number
  /**
   * Pods that the live color is to have: what it is brought back with where spec.replicas is left out.
   */
  size?: number
  /**
   * What stands in each color.
   */
  colors?: {
    /**
     * A color that has a Deployment.
     */
    blue?: {
      /**
       * Revision of its pods.
       */
      revision: string
      /**
       * Pods wanted.
       */
      replicas: number
      /**
       * Pods ready.
       */
      ready: number
      /**
       * Digest of the model that answered the gates.
       */
      digest?: string
      /**
       * Since when no edge has been routing to it.
       */
      idleSince?: string
      /**
       * Since when it has been seen whole, with none of its containers started again; absent while pods are missing.
       */
      readySince?: string
      /**
       * Hash of its ready pods and of when each became ready; it changes when one of them restarts.
       */
      fingerprint?: string
      /**
       * By the name of a ConfigMap, a hash of what it gave the pods when the color was built.
       */
      config?: {
        [k: string]: string
      }
      /**
       * Since when pods of it have been missing for lack of room (quota, nodes), while it serves.
       */
      shortSince?: string
      /**
       * Of the live color: how often its pods had been started again when it was last well, by their names; those that never were are left out.
       */
      restarts?: {
        [k: string]: number
      }
    }
    /**
     * A color that has a Deployment.
     */
    green?: {
      /**
       * Revision of its pods.
       */
      revision: string
      /**
       * Pods wanted.
       */
      replicas: number
      /**
       * Pods ready.
       */
      ready: number
      /**
       * Digest of the model that answered the gates.
       */
      digest?: string
      /**
       * Since when no edge has been routing to it.
       */
      idleSince?: string
      /**
       * Since when it has been seen whole, with none of its containers started again; absent while pods are missing.
       */
      readySince?: string
      /**
       * Hash of its ready pods and of when each became ready; it changes when one of them restarts.
       */
      fingerprint?: string
      /**
       * By the name of a ConfigMap, a hash of what it gave the pods when the color was built.
       */
      config?: {
        [k: string]: string
      }
      /**
       * Since when pods of it have been missing for lack of room (quota, nodes), while it serves.
       */
      shortSince?: string
      /**
       * Of the live color: how often its pods had been started again when it was last well, by their names; those that never were are left out.
       */
      restarts?: {
        [k: string]: number
      }
    }
  }
  /**
   * The newest try at the revision that the spec asks for.
   */
  attempt?: {
    /**
     * Revision plus a hash of gates and traffic: fixing only a gate starts a new attempt.
     */
    id: string
    /**
     * The revision that is tried.
     */
    revision: string
    /**
     * Hash of what its spec means: the same spec written otherwise, or with what a newer schema fills in, starts no attempt.
     */
    meaning?: string
    /**
     * spec.replicas as it came with the attempt: until the revision is live, a smaller number does not shrink what is.
     */
    replicas?: number
    /**
     * When it started.
     */
    startedAt: string
    /**
     * Until when it must be ready to switch.
     */
    deadline: string
    /**
     * Since when it has been waiting for what is not of its own making: a person who mends what stalls it, or pods of before that are still ending. The deadline is put off by as much.
     */
    heldSince?: string
    /**
     * Color that this attempt builds from nothing and that no pointer has named since; absent once it may have served.
     */
    builds?: 'blue' | 'green'
    /**
     * Until when users must be seen to be answered by the revision, set when every edge follows the pointer; then it goes back.
     */
    verifyBy?: string
    /**
     * Back: the pointer is being moved to the color that served before.
     */
    direction: 'Forward' | 'Back'
    /**
     * How it ended; absent while it runs.
     */
    outcome?: 'Promoted' | 'Aborted' | 'RolledBack' | 'Superseded' | 'Failed'
    /**
     * Why it ended, or why it goes back, as a word of a closed list.
     */
    reason?: string
    /**
     * The same for a person, and what to do.
     */
    message?: string
    /**
     * Last log lines and the termination state of a candidate that failed.
     */
    logs?: string
  }
  /**
   * What the gates last found.
   */
  gates?: {
    /**
     * Attempt and direction that this is about.
     */
    key: string
    /**
     * Passed only if every gate was answered rightly by every pod named here and through the Service. NotAsked: as far as they could be asked, on the way back.
     */
    result: 'Passed' | 'Failed' | 'Unknown' | 'NotAsked'
    /**
     * Pods that answered.
     */
    pods: string[]
    /**
     * That of the color when it was asked: a pod that has restarted since is asked again.
     */
    fingerprint?: string
    /**
     * One result per gate.
     *
     * Items: Result of one gate.
     */
    results?: {
      /**
       * Name of the gate.
       */
      name: string
      /**
       * What was found. NotAsked: on the way back, where a Secret that the gate needs cannot be read, a revision that has served needs no new proof.
       */
      result: 'Passed' | 'Failed' | 'Unknown' | 'NotAsked'
      /**
       * Pod or Service that gave the answer that decided.
       */
      target?: string
      /**
       * Expected and actual, shortened.
       */
      message?: string
    }[]
  }
  /**
   * The pointer as last read.
   */
  traffic?: {
    /**
     * What it names, for a person.
     */
    pointer?: string
    /**
     * Whether every edge follows it.
     */
    propagated?: 'Yes' | 'No'
    /**
     * Revision that was proven to answer users since the pointer last moved.
     */
    verified?: string
    /**
     * The foreign origin that the pointer was taken over from.
     */
    adopted?: string
    /**
     * The last time that it was brought back after somebody else had moved it.
     */
    drift?: {
      /**
       * What it had been moved to.
       */
      pointer: string
      /**
       * How often it was brought back from there within an hour of the time before.
       */
      repairs: number
      /**
       * When.
       */
      at: string
    }
    /**
     * Reference of the last invalidation that was asked for.
     */
    invalidated?: string
    /**
     * Since when edges have been disagreeing about it; absent when every edge follows it.
     */
    propagatingSince?: string
    /**
     * A move of the pointer that was decided and not yet seen through; written before the move.
     */
    intent?: {
      /**
       * The color that it shall name, or the origin that it was taken over from.
       */
      to: 'blue' | 'green' | 'adopted'
      /**
       * Version of the pointer that the decision was made on; the write is guarded by it.
       */
      token: string
      /**
       * Attempt and direction that decided it.
       */
      attempt: string
      /**
       * Percent of the clients that shall go there; absent when it is all of them.
       */
      weight?: number
      /**
       * Which pointer sends that share, with `weight`; the spec may come to name another.
       */
      pointer?: string
    }
    /**
     * A share of the clients is at the candidate.
     */
    canary?: {
      /**
       * Where that share goes.
       */
      color: 'blue' | 'green'
      /**
       * Percent of the clients.
       */
      weight: number
      /**
       * Which pointer sends them there; the spec may come to name another.
       */
      pointer?: string
      /**
       * When this step was seen to stand.
       */
      since: string
      /**
       * Until when it is held; then the gates are asked once more.
       */
      until: string
      /**
       * When the gates were last asked in this step; absent until they were.
       */
      askedAt?: string
      /**
       * Since when they have got no usable answer; absent when they got one last.
       */
      unansweredSince?: string
      /**
       * Since when a pod that had passed the gates has not been ready.
       */
      podsLostSince?: string
      /**
       * Since when nobody has answered the clients that are not of the share.
       */
      othersLostSince?: string
    }
    /**
     * Why the static targets of the behaviors could not follow the key; the color that they name is kept.
     */
    fallback?: {
      /**
       * What was refused.
       */
      message: string
      /**
       * When; it is tried again.
       */
      refusedAt: string
    }
  }
  /**
   * The last command taken from the annotation modelrelease.io/command.
   */
  command?: {
    /**
     * The annotation as it was read.
     */
    value: string
    /**
     * What became of it. Pending: it is recorded, and carried out as soon as it can be.
     */
    result: 'Accepted' | 'Pending' | 'Refused' | 'NothingToDo'
    /**
     * Why.
     */
    message: string
    /**
     * The last commands that were taken, newest first. None of them is taken again.
     */
    taken?: string[]
  }
  /**
   * The live color fails, or has not been whole for a minute since it did.
   */
  liveFailure?: {
    /**
     * Which color that is.
     */
    color: 'blue' | 'green'
    /**
     * When it was first seen.
     */
    since: string
    /**
     * It has lasted so long that it is told, and acted on: what was seen then. Absent before.
     */
    lasting?: string
    /**
     * Users were to be led back for it, which is tried once; absent where they were not.
     */
    returned?: 'Yes'
  }
  /**
   * Attempts that ended, newest first.
   *
   * Items: One attempt.
   */
  history?: {
    /**
     * Its id.
     */
    attempt: string
    /**
     * Its revision.
     */
    revision: string
    /**
     * How it ended.
     */
    outcome: 'Promoted' | 'Aborted' | 'RolledBack' | 'Superseded' | 'Failed'
    /**
     * Why.
     */
    reason?: string
    /**
     * When.
     */
    endedAt: string
  }[]
}
