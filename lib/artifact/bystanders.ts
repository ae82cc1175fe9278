/** Harmless entries of output directories. */

/** Files that systems, job managers and shells create in a directory before a stage writes to it. */
const BYSTANDERS =
  /^(\.DS_Store|\.gitignore|\.gitkeep|\.keep|\.nfs[0-9a-f]+|\.snapshot|Thumbs\.db|desktop\.ini|lost\+found|nohup\.out|slurm-.*\.(out|err)|.*\.log)$/;

/** Whether an entry does not count as foreign content of a directory; it is never removed. */
export function isBystander(name: string): boolean {
  return BYSTANDERS.test(name);
}
