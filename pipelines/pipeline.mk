# The chain as a Makefile: every stage is a real file, made again only when what it is made from is newer.
#
#   make -f pipelines/pipeline.mk -j2 IMAGES=photos OUT=runs/photos PRESET=vits8-96
#
# Interrupted or killed: the same command again goes on. Stages other than pretrain get --force, since make has
# already decided that they are stale; a run that belongs to other shards or another preset is never replaced:
# give another OUT, or remove OUT/run yourself. Paths must not contain spaces.

IMAGES ?= photos
OUT ?= runs/$(notdir $(IMAGES:/=))
PRESET ?= vits8-96
HOLDOUT ?= 0.2
# Further flags, for example PRETRAIN_FLAGS="--epochs 50 --batch 128"
SHARD_FLAGS ?=
PRETRAIN_FLAGS ?=
FEATURES_FLAGS ?=
PROBE_FLAGS ?=
# What the table compares: encoders of the run, and pixels, the pictures themselves.
ENCODERS ?= pretrained random pixels
DENO ?= $(if $(shell command -v deno),deno,npx -y deno)

STAGE = $(DENO) task --quiet
# A folder is newer when an image was added or removed.
IMAGE_FOLDERS := $(shell find -L $(IMAGES) -type d 2>/dev/null)
LABELS := $(wildcard $(IMAGES)/labels.csv)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all shards run encoder table

all: table
shards: $(OUT)/shards/manifest.json
run: $(OUT)/run/receipt.json
encoder: $(OUT)/pretrained/model.safetensors
table: $(OUT)/table.md

$(OUT)/shards/manifest.json: $(IMAGE_FOLDERS) $(LABELS)
	$(STAGE) shard --images $(IMAGES) --out $(@D) --holdout $(HOLDOUT) $(SHARD_FLAGS) --force

# An unfinished run goes on; a finished one says so, and only its date is renewed.
$(OUT)/run/receipt.json: $(OUT)/shards/manifest.json
	$(STAGE) pretrain --shards $(<D) --out $(@D) --preset $(PRESET) $(PRETRAIN_FLAGS)
	touch $@

$(OUT)/pretrained/model.safetensors: $(OUT)/run/receipt.json
	$(STAGE) checkpoint --run $(<D) --out $(@D) --force

$(OUT)/random/model.safetensors: $(OUT)/run/receipt.json
	$(STAGE) checkpoint --run $(<D) --out $(@D) --step 0 --force

$(OUT)/pixels-%.arrow: $(OUT)/shards/manifest.json
	$(STAGE) features --encoder pixels:8 --shards $(<D) --split $* --out $@ --force

# Two rules per encoder, since a pattern rule has one %.
define FEATURES
$(OUT)/$(1)-%.arrow: $(OUT)/$(1)/model.safetensors $(OUT)/shards/manifest.json
	$$(STAGE) features --encoder $(OUT)/$(1) --shards $(OUT)/shards --split $$* --out $$@ \
	  $$(FEATURES_FLAGS) --force
endef
$(foreach name,$(filter-out pixels,$(ENCODERS)),$(eval $(call FEATURES,$(name))))

$(OUT)/probe-%/metrics.json: $(OUT)/%-train.arrow $(OUT)/%-test.arrow
	$(STAGE) probe --train $(word 1,$^) --test $(word 2,$^) --out $(@D) $(PROBE_FLAGS) --force

$(OUT)/table.md: $(foreach name,$(ENCODERS),$(OUT)/probe-$(name)/metrics.json)
	$(STAGE) compare $(foreach name,$(ENCODERS),--probes $(name)=$(OUT)/probe-$(name)) --out $@ --force
