/** An engine as a process: `node engine-host.ts <scene's folder>`. It says when it goes on, and closes for SIGTERM. */
import { EngineScene } from './engine-scene.ts';

const scene = EngineScene.at(process.argv[2]!);
const engine = await scene.engine();
await engine.resume();
process.stdout.write('going on\n');
process.on('SIGTERM', () => void engine.close());
