/**
 * The run directory: `config.json`, `metrics.jsonl`, `tensorboard/`, `checkpoints/step-NNNNNNNN/`.
 *
 * @module
 */
export {
  type Checkpoint,
  checkpointAt,
  latestCheckpoint,
  listCheckpoints,
  readCheckpoint,
  type ShapeRecord,
  stateFile,
} from "./checkpoints.ts";
export { clearUpRun, RunDirectory, type RunOptions } from "./directory.ts";
export { EVENTS_FOLDER } from "./events.ts";
export { finishedRun, finishRun, readRun, type RunSummary } from "./finish.ts";
export { METRICS_FILE, type MetricsLine, metricsLineOf, WALL_CLOCK_COLUMNS } from "./metrics.ts";
export { type RunIdentity, type RunRecord, type WeightsOrigin } from "./record.ts";
