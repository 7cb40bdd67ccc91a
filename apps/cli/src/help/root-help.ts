import { commands } from '../commands.ts'

const sections: Readonly<Record<string, readonly string[]>> = {
  CONTAINERS: ['deploy', 'ls', 'inspect', 'stop', 'start', 'restart', 'redeploy', 'rm'],
  INSIDE: ['exec', 'ssh', 'cp', 'logs', 'stats', 'port-forward', 'wait', 'events'],
  SESSIONS: ['sessions:ls', 'sessions:attach', 'sessions:wait', 'sessions:output', 'sessions:kill'],
  RESOURCES: [
    'templates',
    'templates:info',
    'templates:create',
    'templates:update',
    'templates:rm',
    'gpus',
    'gpus:types',
  ],
  'PRIVATE IMAGES': ['registries', 'registries:login', 'registries:logout'],
  VOLUMES: [
    'volumes',
    'volumes:create',
    'volumes:info',
    'volumes:resize',
    'volumes:ls',
    'volumes:cp',
    'volumes:rm',
  ],
  'HOSTS (FOR ADMINISTRATORS)': [
    'hosts',
    'hosts:inspect',
    'hosts:add',
    'hosts:cordon',
    'hosts:uncordon',
    'hosts:drain',
    'hosts:fence',
    'hosts:rm',
  ],
  ACCOUNT: [
    'auth:login',
    'auth:logout',
    'auth:whoami',
    'auth:status',
    'account',
    'usage',
    'api-keys',
    'api-keys:create',
    'api-keys:revoke',
    'ssh-keys',
    'ssh-keys:add',
    'ssh-keys:rm',
  ],
  ADMINISTRATION: [
    'admin:users',
    'admin:users:create',
    'admin:users:update',
    'admin:teams',
    'admin:teams:create',
    'admin:teams:update',
    'admin:keys',
    'admin:keys:create',
    'admin:keys:revoke',
    'admin:quotas',
    'admin:quotas:set',
    'admin:credits',
    'admin:credits:add',
    'admin:gpu-types:set-price',
    'admin:audit',
  ],
  SETTINGS: ['config:list', 'config:get', 'config:set'],
  OTHER: ['mcp', 'api', 'schema', 'completion', 'version'],
}

const examples = `EXAMPLES
  $ gpulab deploy --name job --template pytorch --gpu-type "RTX 4090" --wait
  $ gpulab exec job -- nvidia-smi
  $ gpulab logs job --follow
  $ gpulab rm job`

const globalFlags = `GLOBAL FLAGS
      --json           Print JSON, errors too
  -q, --quiet          Print only ids, or the bare value
      --no-color       Print without colors
      --api-key KEY    Use this API key (better: GPULAB_API_KEY)
      --api-url URL    Use the API at this URL (GPULAB_API_URL)
      --profile NAME   Use the key and the API of this profile (GPULAB_PROFILE)
      --timeout TIME   Give up on a request after this time
      --debug          Show requests and answers on standard error
      --insecure       Allow plain http to other machines`

const exitCodes = `EXIT CODES
  0 done · 1 failed · 2 wrong usage · 3 not found · 4 not allowed · 5 wrong state · 6 no capacity
  7 network or server trouble · 124 timed out · 130 interrupted
  exec and ssh end with the command's own code, and with 125 when GPULab itself failed`

/** What `gpulab` alone prints. */
export function rootHelp(): string {
  const width = Math.max(...Object.keys(commands).map((id) => id.length))
  const listed = Object.entries(sections).map(([title, ids]) =>
    [title, ...ids.map((id) => `  ${id.replaceAll(':', ' ').padEnd(width)}   ${commands[id]?.summary}`)].join(
      '\n',
    ),
  )
  return [
    'Run GPU containers on your own machines.',
    'USAGE\n  $ gpulab COMMAND [FLAGS]',
    ...listed,
    examples,
    globalFlags,
    exitCodes,
    'Run gpulab help COMMAND for more.',
  ].join('\n\n')
}
