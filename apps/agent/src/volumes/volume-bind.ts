/** A folder of the host that a container sees as one of its volumes. */
export interface VolumeBind {
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
  readonly propagation: 'rprivate' | 'rslave'
}
