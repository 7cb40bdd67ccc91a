/** Where a container sees the programs of ours, and where it finds the socket of the agent. */
export const toolboxTarget = '/.gpulab'
export const runTarget = '/.gpulab-run'
export const guestProgram = `${toolboxTarget}/gpulab-guest`
export const guestSocket = `${runTarget}/agent.sock`
