/** A worker's answer that has it gives the head alone: so many bytes go to the connection that is handed to it then. */
export const sentElsewhereHeader = 'gpulab-sent-elsewhere'
/** Of less the way through the agent takes no longer than handing over. */
export const handOverMinBytes = 1 << 20
/** So often a worker that takes a body from a connection says that it does not wait for the volume. */
export const progressEveryMs = 10_000
