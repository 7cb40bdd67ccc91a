import { agent, createClient, GpulabError } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { readConfig } from './config.ts'

const answerMs = 5000

/** Says how the agent that runs on this machine is; 1 where none answers. */
export async function showStatus(args: readonly string[], print: (text: string) => void): Promise<number> {
  const { agentSocket } = readConfig(args, process.env)
  const client = createClient(agent, createHttpTransport({ url: `unix:${agentSocket}` }))
  try {
    const { version, engine } = await client.health({}, { timeoutMs: answerMs })
    print(
      `gpulab-agent ${version} runs; Docker ${engine.available ? 'answers' : `does not: ${engine.message}`}\n`,
    )
    return 0
  } catch (error) {
    if (!(error instanceof GpulabError)) throw error
    process.stderr.write(`gpulab-agent: no agent answers on ${agentSocket}: ${error.message}\n`)
    return 1
  }
}
