/** Harmless entries of output directories. */

/** What systems, job managers and shells put into a directory before a stage writes there. */
const BYSTANDERS =
  /^(\.DS_Store|\.gitignore|\.gitkeep|\.keep|\.nfs[0-9a-f]+|\.snapshot|Thumbs\.db|desktop\.ini|lost\+found|nohup\.out|slurm-.*\.(out|err)|.*\.log)$/;

/** Whether an entry of a directory is no reason to take the directory for somebody else's; it always stays. */
export function isBystander(name: string): boolean {
  return BYSTANDERS.test(name);
}
