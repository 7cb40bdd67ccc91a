// Runs a command of this folder with the checkout's own Node and dependencies, and installs those where they are
// missing. Plain JavaScript without dependencies, for whatever Node the machine has. Standard output belongs to the
// command.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const node = join(root, 'node_modules/node/bin/node')
const stamp = join(root, 'node_modules/.gpulab-installed')

function stop(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

function checkMachine() {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    stop(`GPULab needs Node 20 or newer and this is ${process.versions.node}; install a newer one.`)
  }
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    const machine = `${process.platform} ${process.arch}`
    stop(`GPULab runs on Linux (x64 or arm64) and this is ${machine}; use a Linux machine or a virtual one.`)
  }
}

/** What decides whether the installed dependencies are those of this checkout. */
function readWorkspace() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`)
  const groups = ['apps', 'packages', 'infra', 'tests'].flatMap((group) =>
    readdirSync(join(root, group)).map((name) => join(group, name)),
  )
  for (const folder of ['', ...groups]) {
    const manifest = join(root, folder, 'package.json')
    if (existsSync(manifest)) hash.update(folder).update(readFileSync(manifest))
  }
  for (const name of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(join(root, name)))
  return hash.digest('hex')
}

const isInstalled = (workspace) =>
  existsSync(node) && existsSync(stamp) && readFileSync(stamp, 'utf8') === workspace

/** Two installations into one folder spoil each other. The kernel frees this lock when its holder dies. */
async function holdInstallLock() {
  for (;;) {
    const server = createServer()
    const held = await new Promise((done) => {
      server.once('error', () => done(false)).listen(`\0gpulab-install ${root}`, () => done(true))
    })
    if (held) return server
    await new Promise((done) => setTimeout(done, 200))
  }
}

async function install(workspace) {
  const lock = await holdInstallLock()
  if (!isInstalled(workspace)) {
    process.stderr.write('Installing the dependencies (about a minute the first time) …\n')
    const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const output = []
    const { code, error } = await run('npx', ['--yes', packageManager, 'install', '--frozen-lockfile'], {
      cwd: root,
      env: { ...process.env, CI: 'true', npm_config_loglevel: 'error' },
      output,
    })
    if (code !== 0) {
      process.stderr.write(Buffer.concat(output))
      const reason = error ? `npx can't be run (${error.message})` : 'its output is above'
      stop(
        `The dependencies could not be installed: ${reason}. Check the network and the disk, and try again.`,
      )
    }
    writeFileSync(stamp, workspace)
  }
  lock.close()
}

/** Runs a program to its end and passes our signals on. With `output` it gets no terminal. */
function run(program, args, { output, ...options } = {}) {
  const child = spawn(program, args, { ...options, stdio: output ? ['ignore', 'pipe', 'pipe'] : 'inherit' })
  for (const stream of output ? [child.stdout, child.stderr] : [])
    stream.on('data', (chunk) => output.push(chunk))
  const forward = (signal) => child.kill(signal)
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, forward)
  return new Promise((done) => {
    child.once('error', (error) => done({ code: 1, error }))
    child.once('close', (code, signal) => done({ code: code ?? 128 + constants.signals[signal] }))
  }).finally(() => signals.forEach((signal) => process.off(signal, forward)))
}

checkMachine()
const [command = 'up', ...args] = process.argv.slice(2)
const commands = [
  'up',
  'down',
  'test',
  'test-full',
  'bench',
  'bench-fleet',
  'faults',
  'release-build',
  'simulate',
]
if (!commands.includes(command)) stop(`There is no command "${command}".`)
const workspace = readWorkspace()
// Who only wants to know what there is waits for no installation.
if (args.some((argument) => argument === '--help' || argument === '-h') && !isInstalled(workspace)) {
  process.stdout
    .write(`The dependencies are not installed yet (npm run ${command} does it first, in about a minute);
${command}'s own options are shown once they are. README.md describes what each command does.\n`)
  process.exit(0)
}
if (!isInstalled(workspace)) await install(workspace)
// A terminal signals the command as well as us; it takes the second signal for the first.
const { code, error } = await run(node, [join(root, 'infra/up/src', `${command}.ts`), ...args])
if (error) stop(`${node} can't be run (${error.message}); remove node_modules and try again.`)
process.exitCode = code
