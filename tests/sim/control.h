/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sim.h"

#define WORDS_MAX 64

/* A command being run. */
struct command {
	struct sim *sim;
	char *words[WORDS_MAX];
	size_t n;
	struct reply *reply;
};

/* Says what is wrong; false, so that "return bad(...)" reads well. */
__attribute__((format(printf, 2, 3))) bool bad(struct command *c, const char *fmt, ...);
/* Word number I, "" if there are fewer. */
const char *arg(const struct command *c, size_t i);
/* The words from number I on as one text. */
void rest(const struct command *c, size_t i, char *buf, size_t size);
/* Word number I as a number up to MAX. */
bool number(struct command *c, size_t i, uint64_t max, unsigned *ret);

/* One of two words. */
bool on_off(struct command *c, const char *on, const char *off, bool *ret);
/* The GPU whose address is word number 1, or NULL, having said so. */
struct gpu *gpu_arg(struct command *c);
/* The kernel forgets the entry NAME of the directory with that inode number. */
void forget_entry(struct sim *sim, uint64_t dir, const char *name);

/* The commands about drivers and modes: control_modes.c */
bool do_drop_type(struct command *c);
bool do_restore_types(struct command *c);
bool do_rename_type(struct command *c);
bool do_driver_version(struct command *c);
bool do_framework(struct command *c);
bool do_newline(struct command *c);
bool do_nvidia_smi(struct command *c);
bool do_reboot(struct command *c);
bool do_release(struct command *c);
bool do_renumber(struct command *c);
bool do_spelling(struct command *c);

/* The commands about single devices and paths: control_devices.c */
bool do_busy(struct command *c);
bool do_idle(struct command *c);
bool do_stick(struct command *c);
bool do_unstick(struct command *c);
bool do_hold_vf(struct command *c);
bool do_release_vf(struct command *c);
bool do_take_vf(struct command *c);
bool do_give_vf(struct command *c);
bool do_take_gpu(struct command *c);
bool do_give_gpu(struct command *c);
bool do_unbind_pf(struct command *c);
bool do_override(struct command *c);
bool do_types_late(struct command *c);
bool do_lie(struct command *c);
bool do_garbage(struct command *c);
bool do_hide(struct command *c);
bool do_show(struct command *c);
bool do_hang(struct command *c);
bool do_link(struct command *c);
bool do_refuse(struct command *c);
