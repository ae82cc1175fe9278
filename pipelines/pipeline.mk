# The chain as a Makefile: every stage is a real file, made again when what it is made from has changed, or its flags.
#
#   make -f pipelines/pipeline.mk -j2 IMAGES=photos OUT=runs/photos PRESET=vitxs8-96
#
# Interrupted or killed: the same command again goes on. Names are data: IMAGES, and whatever lies in it, can have any
# name. Shards that an unfinished run needs are never replaced: make stops and says how to go on. A finished run whose
# images or settings changed is kept as OUT/run-1, OUT/run-2, ..., and trained again.
# "make -n" shows what would be made; the shard stage may then find that only times have changed, and make stops there.

# Text as it was given: a name such as $HOME is not a variable.
override IMAGES := $(if $(filter undefined,$(origin IMAGES)),photos,$(value IMAGES))
override PRESET := $(if $(filter undefined,$(origin PRESET)),vitxs8-96,$(value PRESET))
override HOLDOUT := $(if $(filter undefined,$(origin HOLDOUT)),0.2,$(value HOLDOUT))
override OUT := $(if $(filter undefined,$(origin OUT)),runs/$(notdir $(IMAGES:/=)),$(value OUT))
# Further flags, as a shell reads them, for example PRETRAIN_FLAGS="--epochs 50 --batch 128"
override SHARD_FLAGS := $(strip $(value SHARD_FLAGS))
override PRETRAIN_FLAGS := $(strip $(value PRETRAIN_FLAGS))
override FEATURES_FLAGS := $(strip $(value FEATURES_FLAGS))
override PROBE_FLAGS := $(strip $(value PROBE_FLAGS))
# What the table compares: encoders of the run, and pixels, the pictures themselves.
override ENCODERS := $(if $(filter undefined,$(origin ENCODERS)),pretrained random pixels,$(value ENCODERS))

ifeq ($(origin DENO),undefined)
DENO := $(if $(shell command -v deno),deno,npx -y deno)
endif
STAGE = $(DENO) task --quiet
HERE := $(dir $(lastword $(MAKEFILE_LIST)))

# make splits its targets at spaces and reads signs in them, so theirs are checked before anything runs.
PLAIN := a b c d e f g h i j k l m n o p q r s t u v w x y z \
  A B C D E F G H I J K L M N O P Q R S T U V W X Y Z 0 1 2 3 4 5 6 7 8 9 . / _ - + @
without = $(if $(2),$(call without,$(subst $(firstword $(2)),,$(1)),$(wordlist 2,99,$(2))),$(1))
ifneq ($(or $(call without,$(OUT),$(PLAIN)),$(if $(OUT),,empty),$(filter -%,$(OUT))),)
$(error OUT must be a path of letters, digits and . / _ - + @ only, for example OUT=runs/photos)
endif
ifneq ($(call without,$(subst $() ,,$(ENCODERS)),$(PLAIN)),)
$(error ENCODERS must be names of letters and digits)
endif

# The shell gets names through the environment.
export IMAGES PRESET HOLDOUT

# What targets were made with, in files that are newer than those only after a change.
quoted = '$(subst ','\'',$(1))'
MADE := $(OUT)/.settings
stored = $(strip $(shell cat $(MADE)/$(1) 2>/dev/null))
differs = $(if $(subst |$(1)|,,|$(2)|)$(subst |$(2)|,,|$(1)|),FORCE)

SETTINGS_shards := $(strip --holdout $(call quoted,$(HOLDOUT)) $(SHARD_FLAGS))
SETTINGS_run := $(strip --preset $(call quoted,$(PRESET)) $(PRETRAIN_FLAGS))
SETTINGS_features := $(strip $(FEATURES_FLAGS))
SETTINGS_probe := $(strip $(PROBE_FLAGS))
SETTINGS_table := $(strip $(ENCODERS))
SETTINGS_images := $(strip $(shell sh $(HERE)list_images.sh $(call quoted,$(IMAGES))))

.SECONDARY:
.PHONY: all shards run encoder table FORCE
# Stages write whole artefacts or none: make must not remove their files when it is interrupted.
.PRECIOUS: $(OUT)/shards/manifest.json $(OUT)/run/receipt.json $(OUT)/%/model.safetensors \
  $(OUT)/%-train.arrow $(OUT)/%-test.arrow $(OUT)/probe-%/metrics.json $(OUT)/table.md $(MADE)/%

all: table
shards: $(OUT)/shards/manifest.json
run: $(OUT)/run/receipt.json
encoder: $(OUT)/pretrained/model.safetensors
table: $(OUT)/table.md
FORCE:

define SETTINGS
$(MADE)/$(1): $(call differs,$(SETTINGS_$(1)),$(call stored,$(1)))
	@mkdir -p $$(@D)
	@printf '%s\n' $$(call quoted,$$(SETTINGS_$(1))) >$$@
endef
$(foreach name,images shards run features probe table,$(eval $(call SETTINGS,$(name))))

# When nothing has really changed, the settings become as old as the target again.
$(OUT)/shards/manifest.json: $(MADE)/images $(MADE)/shards
	sh $(HERE)make_again.sh shards $(OUT) \
	  $(STAGE) shard --images="$$IMAGES" --out $(@D) --holdout="$$HOLDOUT" $(SHARD_FLAGS)
	@touch -r $@ $^

# An unfinished run goes on; a finished one says so, and only its date is renewed.
$(OUT)/run/receipt.json: $(OUT)/shards/manifest.json $(MADE)/run
	sh $(HERE)make_again.sh run $(OUT) \
	  $(STAGE) pretrain --shards $(<D) --out $(@D) --preset="$$PRESET" $(PRETRAIN_FLAGS)
	@touch -r $@ $(MADE)/run
	@if [ $< -nt $@ ]; then touch $@; fi

# From here on make knows that they are stale: --force.
$(OUT)/pretrained/model.safetensors: $(OUT)/run/receipt.json
	$(STAGE) checkpoint --run $(<D) --out $(@D) --force

$(OUT)/random/model.safetensors: $(OUT)/run/receipt.json
	$(STAGE) checkpoint --run $(<D) --out $(@D) --step 0 --force

$(OUT)/pixels-%.arrow: $(OUT)/shards/manifest.json
	$(STAGE) features --encoder pixels:8 --shards $(<D) --split $* --out $@ --force

# Two rules per encoder, since a pattern rule has one %.
define FEATURES
$(OUT)/$(1)-%.arrow: $(OUT)/$(1)/model.safetensors $(OUT)/shards/manifest.json $(MADE)/features
	$$(STAGE) features --encoder $(OUT)/$(1) --shards $(OUT)/shards --split $$* --out $$@ \
	  $$(FEATURES_FLAGS) --force
endef
$(foreach name,$(filter-out pixels,$(ENCODERS)),$(eval $(call FEATURES,$(name))))

$(OUT)/probe-%/metrics.json: $(OUT)/%-train.arrow $(OUT)/%-test.arrow $(MADE)/probe
	$(STAGE) probe --train $(word 1,$^) --test $(word 2,$^) --out $(@D) $(PROBE_FLAGS) --force

$(OUT)/table.md: $(foreach name,$(ENCODERS),$(OUT)/probe-$(name)/metrics.json) $(MADE)/table
	$(STAGE) compare $(foreach name,$(ENCODERS),--probes $(name)=$(OUT)/probe-$(name)) --out $@ --force
