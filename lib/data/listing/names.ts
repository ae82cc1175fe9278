/** Classifies entries by name: hidden, made by a system, or a file of some type. */
import { hasImageExtension } from "../../images/mod.ts";

/**
 * Folders and files that systems make beside pictures: thumbnails, recycle bins, snapshots, what archives and repairs
 * leave. Lower case; most of these systems ignore letter case.
 */
const SYSTEM_NAMES: ReadonlySet<string> = new Set([
  // Synology, QNAP, Asustor, TerraMaster, Buffalo, Drobo
  "@eadir",
  "#recycle",
  "@recycle",
  "#snapshot",
  "@snapshot",
  "@recently-snapshot",
  "@sharesnap",
  "@sharebin",
  "@tmp",
  "@database",
  "@quarantine",
  "@transcode",
  "@__thumb",
  "@upload_cache",
  "trashbox",
  // NetApp
  "~snapshot",
  // Nextcloud
  "files_trashbin",
  "files_versions",
  // Windows
  "$recycle.bin",
  "$extend",
  "$winreagent",
  "system volume information",
  "thumbs.db",
  "ehthumbs.db",
  "ehthumbs_vista.db",
  "desktop.ini",
  // macOS
  "__macosx",
  "network trash folder",
  "temporary items",
  "thevolumesettingsfolder",
  "icon\r",
  // Linux and Android
  "lost+found",
  "lost.dir",
]);

/** The same, with a part that changes: repaired pieces, Samba's earlier versions, Netatalk, Synology, Nextcloud. */
const SYSTEM_PATTERN = /^(found\.\d{3}|@gmt-.*|:2e.*|@syno.*|appdata_oc[a-z0-9]+)$/i;

/** Names that are also plain words in lower case, so that the case counts. */
const SYSTEM_NAMES_AS_THEY_ARE: ReadonlySet<string> = new Set(["RECYCLER"]);

/** Whether a name is hidden by the convention of Unix: `.git`, `.Trash-1000`, `._photo.jpg`. */
export function isHidden(name: string): boolean {
  return name.startsWith(".");
}

/** Whether a system has made this, not the user. */
export function isOfSystem(name: string): boolean {
  return SYSTEM_NAMES.has(name.toLowerCase()) || SYSTEM_NAMES_AS_THEY_ARE.has(name) ||
    SYSTEM_PATTERN.test(name);
}

/** Whether a name has the extension of another file type: `notes.txt`; `v1.2` and `2021.05` may be folders. */
export function saysOtherFile(name: string): boolean {
  return !hasImageExtension(name) && /[^.]\.(?!v\d+$)(?=\d?[a-z])[a-z0-9]{1,5}$/i.test(name);
}
