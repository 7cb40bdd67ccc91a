/** A wish for a volume, in a driver's terms. */
export interface VolumeWish {
  readonly uuid: string
  /** What its users may put into it. */
  readonly sizeBytes: number
  /** Whether this host makes and sizes it; otherwise it only mounts it. */
  readonly manages: boolean
  /** It was there once: if it is not there now, it is lost, and never made anew. */
  readonly wasMade: boolean
}

export interface VolumeUsage {
  readonly sizeBytes: number
  readonly usedBytes: number
  readonly enforced: boolean
}

/** What of the host a container gets to see. */
export interface VolumeSource {
  readonly path: string
  /** `rslave`: a mount that is put over a dead one reaches the containers that have it. */
  readonly propagation: 'rprivate' | 'rslave'
}

/** Where the agent itself reaches the files of a volume. */
export interface VolumeFolders {
  /** What containers see. */
  readonly root: string
  /** Of the same file system: where files are written before they get their place. */
  readonly staging: string
  /** The name of that folder where it is in the root; nobody is shown it. */
  readonly hiddenName: string | undefined
}

/**
 * One way to keep volumes. Each function may be repeated, and picks up whatever an earlier one left half done when its
 * process was killed. They throw VolumeFailure for what trying again can not mend.
 */
export interface VolumeDriver {
  /** Makes, grows and mounts it, as far as that is not done yet. */
  ensure(wish: VolumeWish): Promise<void>
  /** Whether it is mounted and answers now; throws an ordinary error that says what is wrong. */
  verify(uuid: string): Promise<void>
  usage(uuid: string): Promise<VolumeUsage>
  /** With all that is in it. Only for those that no container has. */
  remove(uuid: string, options: { readonly manages: boolean }): Promise<void>
  source(uuid: string): Promise<VolumeSource>
  folders(uuid: string): Promise<VolumeFolders>
  /** Takes the mounts away, and leaves what is in them. */
  unmountAll(): Promise<void>
}
