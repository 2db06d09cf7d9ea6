/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"
#include "model/saved.h"

/* What a vGPU is when record and kernel are held side by side. */
enum vgpu_state {
	STATE_ACTIVE,
	STATE_MISSING,
	STATE_CREATING,
	STATE_REMOVING,
	STATE_STOPPED,
	STATE_STUCK,
	STATE_CONFLICT,
	STATE_FOREIGN,
};

/* What reconcile does about it. */
enum plan_action {
	ACTION_NONE,
	ACTION_CREATE,	 /* with the saved UUID, on its VF */
	ACTION_MOVE,	 /* likewise, on another VF of its GPU; the record follows */
	ACTION_ADOPT_VF, /* it lives on another VF of its GPU: the record is corrected */
	ACTION_ROLL_FORWARD, /* finish what was cut short: make it, or call it active */
	ACTION_FORGET,	     /* its removal was cut short after the device was gone */
	ACTION_REPORT,	     /* nothing can or may be done; the reason says why */
};

/* Why a vGPU is not simply active. */
enum plan_reason {
	REASON_NONE,
	REASON_GPU_ABSENT,
	REASON_NO_DRIVER,    /* its GPU is bound to no driver */
	REASON_OTHER_DRIVER, /* … or to another one than nvidia */
	REASON_EXCLUDED,
	REASON_SRIOV_OFF,
	REASON_NO_TYPES,      /* VFs are there, but none shows vGPU types */
	REASON_NO_FREE_VF,    /* its VF is taken or gone and no other is free */
	REASON_VF_TAKEN,      /* its VF is taken; it moves */
	REASON_VF_GONE,	      /* its VF is gone or shows no types; it moves */
	REASON_OTHER_PROFILE, /* its UUID is live with another profile */
	REASON_OTHER_GPU,     /* its UUID is live on another GPU */
	REASON_OTHER_SIZE,    /* its GPU is committed to another size by foreign vGPUs */
	REASON_NOT_OFFERED,   /* its GPU does not offer the profile */
	REASON_STUCK,
	REASON_IN_PROGRESS,	  /* another process is at work on it */
	REASON_REMOVAL_CUT_SHORT, /* it is live: active again, to be removed once more */
	REASON_STOP_CUT_SHORT, /* it is live, and is not to be: to be stopped once more */
	REASON_MOVE_UNDONE,    /* its move was cut short: it is live where it was */
	REASON_MOVE_CUT_SHORT, /* … and its device is away: it is to be made there */
	REASON_PARAMS, /* it is live, and its driver has not the parameters on record */
};

/* One saved vGPU held against the host. */
struct verdict {
	enum vgpu_state state;
	enum plan_action action;
	enum plan_reason reason;
	int at; /* index into host->parents: where it is or is to be made; -1 if nowhere
		 */
};

const char *vgpu_state_name(enum vgpu_state state);
bool vgpu_state_parse(const char *name, enum vgpu_state *ret);
const char *plan_action_name(enum plan_action action);

/* Is what LIVE shows the profile that SAVED names? By type name; by id only where the
 * kernel no longer tells the name. */
bool plan_same_profile(const struct saved_vgpu *saved, const struct live_vgpu *live);

/* Can GPU take VFs or vGPUs now?  REASON_NONE, or what stands in the way. */
enum plan_reason plan_gpu_ready(const struct host *host, const struct gpu *gpu);

/* Must GPU's virtual functions be enabled, given what is saved and wanted?  False as well
 * where they are on, and where the GPU must be left alone. */
bool plan_wants_sriov(const struct gpu *gpu, const struct saved_vgpu *saved,
		      size_t n_saved, const struct saved_gpu *wishes, size_t n_wishes);

/* Scratch space and by-products of plan_reconcile(); the caller gives the arrays. */
struct plan {
	struct verdict *verdicts; /* one per saved vGPU */
	bool *ours;  /* one per HOST->live: the record knows it; if not, it is foreign */
	bool *taken; /* one per HOST->parents: has a vGPU, or is promised to one */
	bool *stays; /* one per saved vGPU: its record cannot follow it to its VF */
};

/* Judges every saved vGPU: RET->verdicts[i] is about SAVED[i], which is sorted by place.
 * A host that is as saved gets ACTION_NONE throughout, so that a second run changes
 * nothing. Never plans a removal. */
void plan_reconcile(const struct host *host, const struct saved_vgpu *saved,
		    size_t n_saved, struct plan *ret);

/* Does this vGPU's record give its VF free, so that another's can have it in the same
 * transaction?  Not by ACTION_MOVE, which names a new one. */
bool plan_leaves_vf(const struct verdict *verdict);
