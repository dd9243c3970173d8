/** Where a housing release lives, and where its viewers come in. */
export type Place = {
  namespace: string
  distributionId: string
  /** Viewers ask for this host; edges are chosen by their port. */
  host: string
}

/** The demo's own. */
export const DEMO_PLACE: Place = {
  namespace: 'models',
  distributionId: 'E1HOUSINGLOCAL',
  host: 'models.example.com',
}
