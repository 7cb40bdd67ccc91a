import type { EngineKind } from './steps/engine.ts'
import { firstContainer } from './steps/first-container.ts'
import type { SystemInfo } from './system-info.ts'

const engines: Record<EngineKind, string> = {
  own: 'a Docker Engine of its own',
  machine: "this machine's Docker Engine",
  'host-container': "in a simulated host of this machine's Docker Engine",
}

/** What runs where, and what to type next. `enter` is what gives a shell the CLI; empty if it has it. */
export function renderStatus(info: SystemInfo, { title, enter }: { title: string; enter: string }): string {
  const standIns = Object.keys(info.standIns)
  const rows = [
    ['API', `${info.apiUrl}   (reference: ${info.apiUrl}/docs)`],
    ['Gateway', info.proxyUrl.replace('//', '//{uuid}-{port}.')],
    ['Database', `PostgreSQL, embedded, in ${info.stateDir}/postgres`],
    ['Engine', `${engines[info.engine]}, ${info.dockerHost}`],
    ['Host', `${info.host}: ${info.gpus.map(describeGpus).join(', ')}`],
    ...(info.secondHost === undefined
      ? []
      : [['MooseFS', `a cell; ${info.secondHost} shares its volumes (volumes create --driver moosefs)`]]),
    ['Images', standIns.length === 0 ? 'from their registry' : `small stand-ins for ${standIns.join(', ')}`],
    ['Account', `${info.email}; its API key is in ${info.stateDir}/keys/api-key`],
    ['Logs', `${info.stateDir}/logs`],
  ]
  const commands = [
    ...(enter === '' ? ['gpulab ls'] : [enter]),
    `gpulab exec ${firstContainer} -- nvidia-smi`,
    `gpulab deploy --name train --template pytorch --gpu-type "${info.gpus.at(-1)?.name}" --wait`,
  ]
  return [
    title,
    '',
    ...rows.map(([name = '', text]) => `  ${name.padEnd(10)}${text}`),
    '',
    enter === '' ? 'Try next:' : 'Try next, in another terminal:',
    '',
    ...commands.map((command) => `  ${command}`),
    '',
    '',
  ].join('\n')
}

const describeGpus = ({ name, count, simulated }: SystemInfo['gpus'][number]): string =>
  `${count}x ${name}${simulated ? ' (simulated)' : ''}`

/** Lines for a shell's `eval`. */
export function renderExports(info: SystemInfo, apiKey: string, cliFolder: string): string {
  return [
    `export GPULAB_API_URL=${quote(info.apiUrl)}`,
    `export GPULAB_API_KEY=${quote(apiKey)}`,
    `export DOCKER_HOST=${quote(info.dockerHost)}`,
    `export PATH=${quote(cliFolder)}:"$PATH"`,
    '',
  ].join('\n')
}

/** Quotes a word for a POSIX shell where it needs it. */
export const quote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
