import type { BaseCommandClass } from './base-command.ts'

export interface CommandEntry {
  readonly summary: string
  /** Ids under which the command answers too. */
  readonly aliases?: readonly string[]
  readonly load: () => Promise<{ readonly default: BaseCommandClass }>
}

/** Every command by its id, words joined by ":". Only the one that runs is loaded. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  deploy: {
    summary: 'Deploy a container',
    aliases: ['containers:deploy'],
    load: () => import('./commands/deploy.ts'),
  },
  ls: {
    summary: 'List containers',
    aliases: ['containers:ls', 'containers:list'],
    load: () => import('./commands/ls.ts'),
  },
  inspect: {
    summary: 'Show a container',
    aliases: ['containers:inspect'],
    load: () => import('./commands/inspect.ts'),
  },
  stop: {
    summary: 'Stop a container and give its GPUs back',
    aliases: ['containers:stop'],
    load: () => import('./commands/stop.ts'),
  },
  start: {
    summary: 'Start a stopped container',
    aliases: ['containers:start'],
    load: () => import('./commands/start.ts'),
  },
  restart: {
    summary: 'Restart a running container',
    aliases: ['containers:restart'],
    load: () => import('./commands/restart.ts'),
  },
  redeploy: {
    summary: 'Make a failed or stopped container anew',
    aliases: ['containers:redeploy'],
    load: () => import('./commands/redeploy.ts'),
  },
  rm: {
    summary: 'Delete containers',
    aliases: ['containers:rm'],
    load: () => import('./commands/rm.ts'),
  },
  exec: {
    summary: 'Run a command in a container',
    aliases: ['containers:exec'],
    load: () => import('./commands/exec.ts'),
  },
  ssh: {
    summary: 'Open a shell in a container',
    aliases: ['containers:ssh'],
    load: () => import('./commands/ssh.ts'),
  },
  'sessions:ls': {
    summary: "List a container's sessions",
    aliases: ['sessions:list'],
    load: () => import('./commands/sessions/ls.ts'),
  },
  'sessions:attach': {
    summary: 'Take a session over: its output, and its input',
    load: () => import('./commands/sessions/attach.ts'),
  },
  'sessions:wait': {
    summary: 'Wait until a session ends, and end with its exit code',
    load: () => import('./commands/sessions/wait.ts'),
  },
  'sessions:output': {
    summary: 'Print the output of a session that is kept now',
    load: () => import('./commands/sessions/output.ts'),
  },
  'sessions:kill': {
    summary: 'Kill everything that a session has started',
    load: () => import('./commands/sessions/kill.ts'),
  },
  cp: {
    summary: 'Copy files into a container and out of it',
    aliases: ['containers:cp'],
    load: () => import('./commands/cp.ts'),
  },
  logs: {
    summary: "Show or follow a container's log",
    aliases: ['containers:logs'],
    load: () => import('./commands/logs.ts'),
  },
  stats: {
    summary: 'Show or watch what a container uses',
    aliases: ['containers:stats'],
    load: () => import('./commands/stats.ts'),
  },
  wait: {
    summary: 'Wait until a container runs, stops, listens on a port or writes a line',
    aliases: ['containers:wait'],
    load: () => import('./commands/wait.ts'),
  },
  ports: {
    summary: 'List the ports of a container that have a URL',
    aliases: ['ports:ls', 'ports:list'],
    load: () => import('./commands/ports/index.ts'),
  },
  'ports:set': {
    summary: 'Say which ports of a container have a URL, and for whom',
    load: () => import('./commands/ports/set.ts'),
  },
  'ports:url': {
    summary: 'Make a link that opens a private port in a browser',
    load: () => import('./commands/ports/url.ts'),
  },
  'port-forward': {
    summary: "Reach a container's TCP ports on this machine",
    aliases: ['containers:port-forward'],
    load: () => import('./commands/port-forward.ts'),
  },
  events: {
    summary: 'Show or follow what happens to containers',
    aliases: ['containers:events'],
    load: () => import('./commands/events.ts'),
  },
  templates: {
    summary: 'List templates',
    aliases: ['templates:ls', 'templates:list', 'admin:templates'],
    load: () => import('./commands/templates/index.ts'),
  },
  'templates:info': {
    summary: 'Show a template',
    load: () => import('./commands/templates/info.ts'),
  },
  gpus: {
    summary: 'List the GPU types that are free, with prices',
    aliases: ['gpus:available'],
    load: () => import('./commands/gpus/index.ts'),
  },
  'gpus:types': {
    summary: 'List all GPU types, with prices',
    aliases: ['admin:gpu-types'],
    load: () => import('./commands/gpus/types.ts'),
  },
  volumes: {
    summary: 'List volumes',
    aliases: ['volumes:list'],
    load: () => import('./commands/volumes/index.ts'),
  },
  'volumes:create': {
    summary: 'Create a volume',
    load: () => import('./commands/volumes/create.ts'),
  },
  'volumes:info': {
    summary: 'Show a volume and the containers that have it',
    load: () => import('./commands/volumes/info.ts'),
  },
  'volumes:resize': {
    summary: 'Resize a volume',
    load: () => import('./commands/volumes/resize.ts'),
  },
  'volumes:ls': {
    summary: 'List the files of a volume',
    load: () => import('./commands/volumes/ls.ts'),
  },
  'volumes:cp': {
    summary: 'Copy files into a volume and out of it',
    load: () => import('./commands/volumes/cp.ts'),
  },
  'volumes:rm': {
    summary: 'Delete a volume',
    load: () => import('./commands/volumes/rm.ts'),
  },
  hosts: {
    summary: 'List GPU hosts',
    aliases: ['hosts:ls', 'hosts:list', 'admin:hosts', 'admin:hosts:ls'],
    load: () => import('./commands/hosts/index.ts'),
  },
  'hosts:inspect': {
    summary: 'Show a GPU host, its checks, GPUs and containers',
    aliases: ['admin:hosts:inspect'],
    load: () => import('./commands/hosts/inspect.ts'),
  },
  'hosts:add': {
    summary: 'Make a token with which a machine joins as a host',
    aliases: ['admin:hosts:add'],
    load: () => import('./commands/hosts/add.ts'),
  },
  'hosts:cordon': {
    summary: 'Place no more containers on a host',
    aliases: ['admin:hosts:cordon'],
    load: () => import('./commands/hosts/cordon.ts'),
  },
  'hosts:uncordon': {
    summary: 'Place containers on a host again',
    aliases: ['admin:hosts:uncordon'],
    load: () => import('./commands/hosts/uncordon.ts'),
  },
  'hosts:drain': {
    summary: 'Place no more containers on a host, and stop those that run',
    aliases: ['admin:hosts:drain'],
    load: () => import('./commands/hosts/drain.ts'),
  },
  'hosts:fence': {
    summary: 'Declare a silent host dead',
    aliases: ['admin:hosts:fence'],
    load: () => import('./commands/hosts/fence.ts'),
  },
  'hosts:rm': {
    summary: 'Forget a host without containers',
    aliases: ['admin:hosts:rm'],
    load: () => import('./commands/hosts/rm.ts'),
  },
  'auth:login': {
    summary: 'Store an API key',
    load: () => import('./commands/auth/login.ts'),
  },
  'auth:logout': {
    summary: 'Forget the stored API key',
    load: () => import('./commands/auth/logout.ts'),
  },
  'auth:whoami': {
    summary: 'Show whose API key is used',
    load: () => import('./commands/auth/whoami.ts'),
  },
  'auth:status': {
    summary: 'Check the API key and the connection',
    load: () => import('./commands/auth/status.ts'),
  },
  'api-keys': {
    summary: 'List API keys',
    aliases: ['api-keys:ls', 'api-keys:list'],
    load: () => import('./commands/api-keys/index.ts'),
  },
  'api-keys:create': {
    summary: 'Make an API key',
    load: () => import('./commands/api-keys/create.ts'),
  },
  'api-keys:revoke': {
    summary: 'Revoke an API key',
    aliases: ['api-keys:rm'],
    load: () => import('./commands/api-keys/revoke.ts'),
  },
  'admin:users': {
    summary: 'List users',
    aliases: ['admin:users:ls', 'admin:users:list'],
    load: () => import('./commands/admin/users/index.ts'),
  },
  'admin:users:create': {
    summary: 'Add a user to a team',
    load: () => import('./commands/admin/users/create.ts'),
  },
  'admin:users:update': {
    summary: "Change a user's role, or disable it",
    load: () => import('./commands/admin/users/update.ts'),
  },
  'admin:teams': {
    summary: 'List teams',
    aliases: ['admin:teams:ls', 'admin:teams:list'],
    load: () => import('./commands/admin/teams/index.ts'),
  },
  'admin:teams:create': {
    summary: 'Make a team',
    load: () => import('./commands/admin/teams/create.ts'),
  },
  'admin:keys': {
    summary: "List all users' API keys",
    aliases: ['admin:keys:ls', 'admin:keys:list'],
    load: () => import('./commands/admin/keys/index.ts'),
  },
  'admin:keys:create': {
    summary: 'Make an API key for a user',
    load: () => import('./commands/admin/keys/create.ts'),
  },
  'admin:keys:revoke': {
    summary: "Revoke a user's API key",
    aliases: ['admin:keys:rm'],
    load: () => import('./commands/admin/keys/revoke.ts'),
  },
  'admin:quotas': {
    summary: 'Show what teams may have at a time',
    load: () => import('./commands/admin/quotas/index.ts'),
  },
  'admin:quotas:set': {
    summary: 'Change what a team may have at a time',
    load: () => import('./commands/admin/quotas/set.ts'),
  },
  'admin:teams:update': {
    summary: 'Let a team pay beforehand or afterwards',
    load: () => import('./commands/admin/teams/update.ts'),
  },
  'admin:credits': {
    summary: "List a team's credits",
    aliases: ['admin:credits:ls', 'admin:credits:list'],
    load: () => import('./commands/admin/credits/index.ts'),
  },
  'admin:credits:add': {
    summary: 'Give a team credit',
    load: () => import('./commands/admin/credits/add.ts'),
  },
  'admin:audit': {
    summary: 'Show or export who asked for what',
    load: () => import('./commands/admin/audit.ts'),
  },
  'templates:create': {
    summary: 'Make a template',
    load: () => import('./commands/templates/create.ts'),
  },
  'templates:update': {
    summary: 'Change a template',
    load: () => import('./commands/templates/update.ts'),
  },
  'templates:rm': {
    summary: 'Delete a template',
    load: () => import('./commands/templates/rm.ts'),
  },
  'admin:gpu-types:set-price': {
    summary: 'Set the price of a GPU type',
    load: () => import('./commands/admin/gpu-types/set-price.ts'),
  },
  registries: {
    summary: 'List the registries that the team is logged in to',
    aliases: ['registries:ls', 'registries:list'],
    load: () => import('./commands/registries/index.ts'),
  },
  'registries:login': {
    summary: 'Log the team in to a registry, for private images',
    load: () => import('./commands/registries/login.ts'),
  },
  'registries:logout': {
    summary: 'Forget the login to a registry',
    load: () => import('./commands/registries/logout.ts'),
  },
  'ssh-keys': {
    summary: 'List SSH keys',
    aliases: ['ssh-keys:ls', 'ssh-keys:list'],
    load: () => import('./commands/ssh-keys/index.ts'),
  },
  'ssh-keys:add': {
    summary: 'Add an SSH key',
    load: () => import('./commands/ssh-keys/add.ts'),
  },
  'ssh-keys:rm': {
    summary: 'Remove an SSH key',
    load: () => import('./commands/ssh-keys/rm.ts'),
  },
  account: {
    summary: 'Show who you are, what your team pays, and its limits',
    load: () => import('./commands/account.ts'),
  },
  usage: {
    summary: 'Show what your team was charged for',
    load: () => import('./commands/usage.ts'),
  },
  'config:list': {
    summary: 'Show the settings, and where they come from',
    aliases: ['config', 'config:ls'],
    load: () => import('./commands/config/list.ts'),
  },
  'config:get': {
    summary: 'Show one setting',
    load: () => import('./commands/config/get.ts'),
  },
  'config:set': {
    summary: 'Store a setting, or take it away',
    load: () => import('./commands/config/set.ts'),
  },
  api: {
    summary: 'Make one request of the API with your key',
    load: () => import('./commands/api.ts'),
  },
  mcp: {
    summary: 'Serve tools to an agent (Model Context Protocol)',
    load: () => import('./commands/mcp.ts'),
  },
  schema: {
    summary: "Print the JSON Schema of a command's --json output",
    load: () => import('./commands/schema.ts'),
  },
  completion: {
    summary: 'Print what makes your shell complete commands and names',
    load: () => import('./commands/completion.ts'),
  },
  version: {
    summary: 'Show the version',
    load: () => import('./commands/version.ts'),
  },
}

/** Each id and alias with the id of the command that answers. */
export const commandIds: ReadonlyMap<string, string> = new Map(
  Object.entries(commands).flatMap(([id, { aliases = [] }]) => [id, ...aliases].map((name) => [name, id])),
)
