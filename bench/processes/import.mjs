// Milliseconds to import the modules that are named, one after the other.
const { user, system } = process.cpuUsage()
const start = performance.now()
for (const module of process.argv.slice(2)) await import(module)
const wall = performance.now() - start
const cpu = process.cpuUsage({ user, system })
process.send({ wall, cpu: (cpu.user + cpu.system) / 1_000 })
process.on('disconnect', () => process.exit())
