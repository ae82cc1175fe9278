/** Processes with a limit of time, their memory, and their end by a signal to all of their group. */
import type { Ended } from "./outcome.ts";

/** What a process may take; it is ended when it takes more. */
export interface Limits {
  readonly seconds: number;
  /** Of memory, as far as that can be seen. */
  readonly bytes: number;
}

/** How a command is run. */
export interface Watch {
  readonly cwd: string;
  readonly limits: Limits;
  /** A signal that it gets after some time. */
  readonly disturb?: { readonly seconds: number; readonly signal: Deno.Signal };
}

const SAMPLE_MILLISECONDS = 40;

/** Whether a command can be run and ends with 0. */
export async function succeeds(program: string, ...args: readonly string[]): Promise<boolean> {
  try {
    const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
    return (await new Deno.Command(program, { args: [...args], ...quiet }).output()).success;
  } catch {
    return false; // There is no such program.
  }
}

/** Deno opens /proc with all permissions only; a shell that is kept reads it for it. */
class MemoryReader {
  static readonly #PROGRAM = `while read -r pid; do peak=0
    while read -r key value _; do if [ "$key" = VmHWM: ]; then peak=$value; fi; done \\
      2>/dev/null </proc/$pid/status || :
    echo "$peak"; done`;
  readonly #shell: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";
  #turn: Promise<unknown> = Promise.resolve();

  constructor() {
    this.#shell = new Deno.Command("bash", {
      args: ["-c", MemoryReader.#PROGRAM],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#shell.stdin.getWriter();
    this.#lines = this.#shell.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Most memory that a process has held so far; 0 when it is gone. */
  peakBytes(pid: number): Promise<number> {
    const answer = this.#turn.then(async () => {
      await this.#writer.write(new TextEncoder().encode(`${pid}\n`));
      while (!this.#rest.includes("\n")) {
        const { value, done } = await this.#lines.read();
        if (done) return 0;
        this.#rest += value;
      }
      const end = this.#rest.indexOf("\n"), line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 1);
      return 1024 * Number(line);
    });
    this.#turn = answer;
    return answer;
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#writer.close();
    await this.#shell.status;
  }
}

/** Starts processes each in a group of its own, so that a signal reaches their children too. */
export class Processes implements AsyncDisposable {
  readonly #memory: MemoryReader | undefined;
  readonly #grouped: boolean;

  private constructor(memory: MemoryReader | undefined, grouped: boolean) {
    this.#memory = memory;
    this.#grouped = grouped;
  }

  /** @param say what is missed where a program is missing */
  static async open(say: (text: string) => void): Promise<Processes> {
    const grouped = await succeeds("setsid", "true");
    if (!grouped) say("no setsid: signals reach the stage alone, not what it has started");
    const readable = Deno.build.os === "linux" && await succeeds("bash", "-c", ":");
    if (!readable) say("no bash or no /proc: memory is not watched");
    return new Processes(readable ? new MemoryReader() : undefined, grouped);
  }

  /** Whether a process that takes too much memory is seen. */
  get seesMemory(): boolean {
    return this.#memory !== undefined;
  }

  /** Runs a command to its end, its limit, or its disturbance. */
  async run(command: readonly string[], { cwd, limits, disturb }: Watch): Promise<Ended> {
    const [program, ...args] = [...this.#grouped ? ["setsid"] : [], ...command] as [string];
    const child = new Deno.Command(program, {
      args,
      cwd,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const signal = (name: Deno.Signal) => {
      try {
        Deno.kill(this.#grouped ? -child.pid : child.pid, name);
      } catch {
        // It has ended.
      }
    };
    let exceeded: Ended["exceeded"], over = false;
    const end = (what: Ended["exceeded"]) => {
      exceeded ??= what;
      signal("SIGKILL");
    };
    const limit = setTimeout(() => end("time"), limits.seconds * 1000);
    const disturbance = disturb && setTimeout(() => signal(disturb.signal), disturb.seconds * 1000);
    const sampling = (async () => {
      while (!over && this.#memory !== undefined) {
        if (await this.#memory.peakBytes(child.pid) > limits.bytes) end("memory");
        await new Promise((resolve) => setTimeout(resolve, SAMPLE_MILLISECONDS));
      }
    })();
    const { code, signal: endedBy, stderr } = await child.output();
    over = true;
    clearTimeout(limit);
    clearTimeout(disturbance);
    await sampling;
    const ended = { code, signal: endedBy, stderr: new TextDecoder().decode(stderr) };
    return exceeded === undefined ? ended : { ...ended, exceeded };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#memory?.close();
  }
}
