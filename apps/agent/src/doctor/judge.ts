import type { HostCheck } from '@gpulab/contract'
import type { HostInfo } from '../docker/host-info.ts'
import type { ApiFacts, Facts, FolderFacts, GpuFacts, GpuProbe } from './facts.ts'
import { isBelow } from './versions.ts'

const gib = 2 ** 30
const diskFloor = { failureBytes: 2 * gib, warningBytes: 20 * gib, warningPart: 0.1 }
const clockFloorMs = { warning: 5_000, failure: 300_000 }
const engineMinimum = ['20.10.0']
const backported =
  'Update it; a distribution may have mended it under an older number, as its security tracker tells.'

const check =
  (name: string) =>
  (level: HostCheck['level'], message: string): HostCheck => ({ name, level, message })

/** What each fact means for containers, in the order in which they are best mended. */
export function judge(facts: Facts): HostCheck[] {
  const { engine } = facts
  return [
    ...('error' in engine ? [judgeEngineError(engine.error)] : judgeEngine(engine)),
    ...(facts.disk ? [judgeDisk(facts.disk)] : []),
    ...judgeGpus(facts.gpus, facts.toolkitVersion),
    ...(facts.gpuProbe ? [judgeProbe(facts.gpuProbe, facts.gpus)] : []),
    ...(facts.folder ? [judgeFolder(facts.folder)] : []),
    judgeFirewall(facts.firewall),
    ...(facts.api ? judgeApi(facts.api) : []),
  ]
}

const judgeEngineError = (error: string): HostCheck =>
  check('engine')('failure', `The Docker Engine does not answer: ${error}. Look at: systemctl status docker.`)

const judgeEngine = (info: HostInfo): HostCheck[] => [
  judgeEngineVersion(info.version),
  judgePart('containerd', info.containerd, ['1.7.29', '2.0.7', '2.1.5'], 'CVE-2024-25621, CVE-2025-64329'),
  judgePart('runc', info.runc, ['1.2.8', '1.3.3'], 'CVE-2025-31133, CVE-2025-52565, CVE-2025-52881'),
  judgeLiveRestore(info.liveRestore),
  judgeLogDriver(info),
  judgeCgroup(info),
]

function judgeEngineVersion(version: string): HostCheck {
  const say = check('engine')
  if (isBelow(version, engineMinimum)) {
    return say('failure', `Docker Engine ${version} is too old: 20.10 is the oldest that works.`)
  }
  if (isBelow(version, ['29.5.1'])) {
    return say(
      'warning',
      `Docker Engine ${version} is older than 29.5.1 (CVE-2026-41567, CVE-2026-41568, CVE-2026-42306, CVE-2026-34040). ${backported}`,
    )
  }
  return say('ok', `Docker Engine ${version}`)
}

function judgePart(name: string, version: string | undefined, floors: string[], cves: string): HostCheck {
  const say = check(name)
  if (version === undefined) return say('warning', `The engine does not tell the version of ${name}.`)
  if (!isBelow(version, floors)) return say('ok', `${name} ${version}`)
  return say('warning', `${name} ${version} is older than ${floors.join(' or ')} (${cves}). ${backported}`)
}

const judgeLiveRestore = (on: boolean): HostCheck =>
  on
    ? check('live-restore')('ok', 'Containers outlive a restart of the engine.')
    : check('live-restore')(
        'warning',
        'A restart of the engine ends every container: set "live-restore": true in /etc/docker/daemon.json, then systemctl reload docker.',
      )

function judgeLogDriver({ logDriver, logDrivers }: HostInfo): HostCheck {
  const say = check('log-driver')
  if (logDrivers.length > 0 && !logDrivers.includes('json-file')) {
    return say('failure', 'The engine has no log driver "json-file", which gpulab logs reads.')
  }
  return say('ok', `Logs of tenants are kept within 50 MB each; of other containers by "${logDriver}".`)
}

function judgeCgroup({ cgroupDriver, cgroupVersion }: HostInfo): HostCheck {
  const say = check('cgroup')
  if (cgroupDriver === 'systemd') {
    return say(
      'warning',
      'With the cgroup driver "systemd", systemctl daemon-reload can take the GPUs from running containers: set "exec-opts": ["native.cgroupdriver=cgroupfs"] in /etc/docker/daemon.json, or use CDI (GPULAB_GPU_INJECTION=cdi).',
    )
  }
  if (cgroupDriver === 'none') {
    return say('failure', 'The engine has no control groups, so no limit of a container would hold.')
  }
  return say('ok', `cgroup v${cgroupVersion}, driver ${cgroupDriver}`)
}

function judgeDisk({ freeBytes, sizeBytes }: NonNullable<Facts['disk']>): HostCheck {
  const text = `${Math.floor(freeBytes / gib)} of ${Math.floor(sizeBytes / gib)} GiB are free where the engine keeps its data.`
  const say = check('disk')
  // A system prune would remove tenants' stopped containers, and their files with them.
  const hint = 'Run docker image prune, which frees what no name and no container needs; no other prune.'
  if (freeBytes < diskFloor.failureBytes) return say('failure', `${text} ${hint}`)
  const isLow = freeBytes < diskFloor.warningBytes || freeBytes < sizeBytes * diskFloor.warningPart
  return say(isLow ? 'warning' : 'ok', isLow ? `${text} ${hint}` : text)
}

function judgeGpus(gpus: GpuFacts, toolkitVersion: string | undefined): HostCheck[] {
  const say = check('gpus')
  if ('missing' in gpus) {
    return [
      say('warning', 'There is no nvidia-smi, so this host has no GPUs to give: install the NVIDIA driver.'),
    ]
  }
  const count = `${gpus.uuids.length} GPU${gpus.uuids.length === 1 ? '' : 's'}`
  if (gpus.uuids.length === 0) {
    const output = gpus.output.trim()
    return [
      say('failure', `nvidia-smi lists no GPU: ${output === '' ? `exit code ${gpus.exitCode}` : output}`),
    ]
  }
  if (gpus.exitCode !== 0) {
    return [say('failure', `nvidia-smi lists ${count}, and fails for others (exit code ${gpus.exitCode}).`)]
  }
  if (gpus.simulated) return [say('ok', `${count}, simulated`)]
  return [say('ok', count), judgeToolkit(toolkitVersion)]
}

const judgeToolkit = (version: string | undefined): HostCheck =>
  version === undefined
    ? check('nvidia-toolkit')(
        'warning',
        'The version of the NVIDIA Container Toolkit is not known here: nvidia-ctk is not installed. It should be 1.17.8 or newer (CVE-2025-23266).',
      )
    : judgePart('nvidia-toolkit', version, ['1.17.8'], 'CVE-2025-23266, CVE-2024-0132')

const cannotRun = new Set([126, 127])

function judgeProbe(probe: GpuProbe, gpus: GpuFacts): HostCheck {
  const say = check('gpu-container')
  if (probe.image === undefined) {
    return say(
      'warning',
      'Not tried, since the engine has no image yet and none is pulled for this: docker pull ubuntu:22.04, then gpulab-agent doctor.',
    )
  }
  const advice = 'Look at the NVIDIA Container Toolkit: nvidia-ctk runtime configure --runtime=docker.'
  if ('error' in probe) {
    return say(
      'failure',
      `A container of ${probe.image} with the GPUs does not start: ${probe.error} ${advice}`,
    )
  }
  if (cannotRun.has(probe.exitCode)) {
    return say('ok', `A container of ${probe.image} starts with the GPUs; it has no way to run nvidia-smi.`)
  }
  const expected = 'uuids' in gpus ? gpus.uuids.length : 0
  if (probe.exitCode !== 0 || probe.listed !== expected) {
    return say(
      'failure',
      `A container of ${probe.image} sees ${probe.listed} of ${expected} GPUs (exit code ${probe.exitCode}): ${probe.output.trim()} ${advice}`,
    )
  }
  return say('ok', `A container of ${probe.image} sees them.`)
}

function judgeFolder(folder: FolderFacts): HostCheck {
  const say = check('guest-folder')
  if ('error' in folder)
    return say('failure', `It cannot be tried whether the engine sees ${folder.path}: ${folder.error}`)
  if (folder.isSeen) return say('ok', `The engine sees ${folder.path}.`)
  return say(
    'failure',
    `The engine does not see ${folder.path}, as one from a snap or of another machine: containers would have no cp, no port URLs and slow sessions. Install Docker's own packages, or name a folder that both see: GPULAB_GUEST_DIR.`,
  )
}

function judgeFirewall(firewall: Facts['firewall']): HostCheck {
  const say = check('firewall')
  if (firewall === 'possible') return say('ok', 'Tenants can be kept from this host and from each other.')
  if (firewall === 'off') {
    return say('warning', 'It is turned off here: something else must keep tenants from this host.')
  }
  return say(
    'failure',
    `Tenants could reach this host, because the firewall cannot be set: ${firewall.error} Run the agent as root, with iptables installed.`,
  )
}

function judgeApi({ url, plain, answer }: ApiFacts): HostCheck[] {
  const say = check('api')
  if ('error' in answer) return [say('failure', answer.error)]
  if (answer.status !== 200) return [say('failure', `${url} answers with status ${answer.status}.`)]
  return [
    plain
      ? say('warning', `${url} answers, but sessions go there over plain http: give the API a certificate.`)
      : say('ok', `${url} answers.`),
    ...(answer.clockOffsetMs === undefined ? [] : [judgeClock(answer.clockOffsetMs)]),
  ]
}

function judgeClock(offsetMs: number): HostCheck {
  const say = check('clock')
  const size = Math.abs(offsetMs)
  const text = `The clock is ${(size / 1000).toFixed(0)} s ${offsetMs < 0 ? 'behind' : 'ahead of'} the control plane's.`
  const hint = 'Keep the time with chrony or systemd-timesyncd (timedatectl set-ntp true).'
  if (size > clockFloorMs.failure) return say('failure', `${text} Certificates may not hold. ${hint}`)
  if (size > clockFloorMs.warning) return say('warning', `${text} Times in logs are wrong. ${hint}`)
  return say('ok', "The clock agrees with the control plane's.")
}
