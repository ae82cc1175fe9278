#!/bin/sh
# A checksum of the paths, sizes and times of everything below a folder: pipelines/list_images.sh FOLDER
# When it has changed, the shard stage looks closer. Links are followed, at most so many entries of a maze of them.
most=2000000
case $1 in
  /*) folder=$1 ;;
  *) folder=./$1 ;;
esac
if stat -c %s . >/dev/null 2>&1; then format='-c %n/%s/%y'; else format='-f %N/%z/%Fm'; fi
{
  printf '%s\n' "$folder"
  find -L "$folder" -type f -exec stat -L ${format% *} "${format#* }" {} + 2>/dev/null | head -n $most
} | LC_ALL=C sort | cksum
