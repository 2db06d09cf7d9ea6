/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stand-in for nvidia-smi: what it answers. */
#pragma once

#include "sim.h"

/* Exit statuses: NVML's numbers. */
enum smi_status {
	SMI_OK = 0,
	SMI_BAD_ARGUMENT = 2,
	SMI_NOT_SUPPORTED = 3,
	SMI_NOT_FOUND = 6,
	SMI_NO_DRIVER = 9,
	SMI_IN_USE = 19,
	SMI_NO_RESOURCES = 23,
};

#define SMI_BUS_ID_SIZE sizeof("00000000:00:00.0")

/* One run. */
struct smi {
	struct sim *sim;
	struct reply *out;
	struct gpu *gpus[GPUS_MAX]; /* those that it is about, by address */
	unsigned index[GPUS_MAX];   /* the number of each on the host */
	size_t n_gpus, n_all;
	/* what the command line says */
	const char *id; /* -i, NULL for all */
	bool query, supported, creatable, verbose;
	bool profiles, places, instances, compute;
	const char *mixed, *mig, *create;
};

/* A line "KEY : VALUE", indented by INDENT; FMT makes the value. */
__attribute__((format(printf, 4, 5))) void
smi_line(struct smi *s, unsigned indent, const char *key, const char *fmt, ...);
/* "00000000:E8:00.0" */
void smi_bus_id(uint32_t bdf, char buf[SMI_BUS_ID_SIZE]);
/* Is the driver at least version MAJOR.MINOR? */
bool smi_since(const struct smi *s, unsigned major, unsigned minor);

/* What single commands do; they return exit statuses. */
int smi_query(struct smi *s);	    /* -q */
int smi_list(struct smi *s);	    /* -L */
int smi_vgpus(struct smi *s);	    /* vgpu -q */
int smi_types(struct smi *s);	    /* vgpu -s, vgpu -c */
int smi_set_mixed(struct smi *s);   /* vgpu -shm */
int smi_set_mig(struct smi *s);	    /* -mig */
int smi_gi_profiles(struct smi *s); /* mig -lgip */
int smi_gi_places(struct smi *s);   /* mig -lgipp */
int smi_gi_list(struct smi *s);	    /* mig -lgi */
int smi_gi_create(struct smi *s);   /* mig -cgi */

/* The program itself. */
extern const char smi_script[];
/* What it asks: words apart by tabs. RET is a status line and what to print. */
void smi_ask(struct sim *sim, char *line, struct reply *ret);
