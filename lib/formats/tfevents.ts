/**
 * Event files of TensorBoard, scalars only, writing only. A file is a sequence of records, each one message `Event` of
 * tensorflow/core/util/event.proto in the framing of TFRecord.
 *
 * @module
 */
import { Message } from "./protobuf.ts";

/** CRC-32C (Castagnoli), reflected. */
const POLYNOMIAL = 0x82f63b78;
const MASK_DELTA = 0xa282ead8;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? POLYNOMIAL : 0);
  return rest >>> 0;
});

/** The checksum CRC-32C of some bytes, an unsigned 32-bit integer. */
export function crc32c(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = (rest >>> 8) ^ TABLE[(rest ^ byte) & 0xff]!;
  return (rest ^ 0xffffffff) >>> 0;
}

/** As TFRecord stores it: a checksum over bytes that hold checksums themselves would be weak. */
function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

/** One record: length (uint64), masked checksum of it, payload, masked checksum of the payload. */
export function frameRecord(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(8 + 4 + payload.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(payload.length), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(payload, 12);
  view.setUint32(12 + payload.length, maskedCrc32c(payload), true);
  return record;
}

const FILE_VERSION = "brain.Event:2";
/** `SessionLog.SessionStatus.START`. */
const START = 1;

/** Fields of the messages Event, Summary, Summary.Value and SessionLog. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const SUMMARY = { value: 1 } as const;
const VALUE = { tag: 1, simpleValue: 2 } as const;
const SESSION_LOG = { status: 1 } as const;

/** The first record of every file. @param wallTime seconds since 1970 */
export function versionRecord(wallTime: number): Uint8Array<ArrayBuffer> {
  const event = new Message().double(EVENT.wallTime, wallTime)
    .string(EVENT.fileVersion, FILE_VERSION);
  return frameRecord(event.finish());
}

/**
 * Marks that writing begins at a step, which voids later steps of earlier files. Otherwise readers would show twice the
 * steps of a killed process after its last checkpoint.
 *
 * @param wallTime seconds since 1970
 */
export function startRecord(wallTime: number, step: number): Uint8Array<ArrayBuffer> {
  const log = new Message().integer(SESSION_LOG.status, START);
  const event = new Message().double(EVENT.wallTime, wallTime).integer(EVENT.step, step)
    .message(EVENT.sessionLog, log);
  return frameRecord(event.finish());
}

/** Numbers of one step. @param wallTime seconds since 1970 @param values by tag; kept as float32 */
export function scalarsRecord(
  wallTime: number,
  step: number,
  values: Readonly<Record<string, number>>,
): Uint8Array<ArrayBuffer> {
  const summary = new Message();
  for (const [tag, value] of Object.entries(values)) {
    summary.message(
      SUMMARY.value,
      new Message().string(VALUE.tag, tag).float(VALUE.simpleValue, value),
    );
  }
  const event = new Message().double(EVENT.wallTime, wallTime).integer(EVENT.step, step)
    .message(EVENT.summary, summary);
  return frameRecord(event.finish());
}

/**
 * `events.out.tfevents.1700000000.HOST.PID.0`; readers take the files of a folder in the order of their names.
 *
 * @param seconds whole seconds since 1970
 */
export function eventsFileName(seconds: number, host: string, pid: number): string {
  return `events.out.tfevents.${String(seconds).padStart(10, "0")}.${host}.${pid}.0`;
}

/** The seconds in the name of an event file; `undefined` for other files. */
export function secondsOfEventsFile(name: string): number | undefined {
  const digits = /^events\.out\.tfevents\.(\d+)\./.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
