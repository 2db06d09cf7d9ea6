/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/words.h"

#include <stdio.h>
#include <string.h>

#include "util/text.h"

static const char *mode_sentence(const struct gpu *gpu, char *buf, size_t size)
{
	char driver[4 * DRIVER_NAME_SIZE];

	if (!gpu->driver[0])
		(void)snprintf(buf, size, "is bound to no driver");
	else
		(void)snprintf(buf, size, "is bound to the driver %s, not nvidia",
			       text_escape(driver, sizeof(driver), gpu->driver));
	return buf;
}

const char *limit_sentence(const struct host *host, const struct usage *usage,
			   size_t index, const char *profile, enum limit limit, char *buf,
			   size_t size)
{
	const struct gpu *gpu = &host->gpus[index];
	const struct gpu_usage *u = &usage->gpus[index];
	const struct vgpu_type *type = catalog_find(gpu->catalog, profile);

	switch (limit) {
	case LIMIT_MAX_INSTANCE:
		(void)snprintf(buf, size, "holds %u of at most %u vGPUs of %u MiB",
			       u->n_vgpus, type ? type->max_instances : 0,
			       type ? type->framebuffer_mib : 0);
		break;
	case LIMIT_OTHER_SIZE:
		(void)snprintf(buf, size, "is committed to vGPUs of %u MiB", u->size_mib);
		break;
	case LIMIT_NO_FREE_VF:
		(void)snprintf(buf, size, "%s",
			       gpu_ready_vfs(host, gpu)
				       ? "has no free VF"
				       : "has no VF that shows vGPU types");
		break;
	case LIMIT_SRIOV_OFF:
		(void)snprintf(buf, size, "its virtual functions are off");
		break;
	case LIMIT_EXCLUDED:
		(void)snprintf(buf, size, "%s",
			       gpu->excluded ? "is excluded by the config"
					     : "is cordoned: it gets no new vGPUs");
		break;
	case LIMIT_NOT_OFFERED:
		(void)snprintf(buf, size, "does not offer this profile");
		break;
	case LIMIT_MODE:
		return mode_sentence(gpu, buf, size);
	case LIMIT_MIG:
		(void)snprintf(buf, size, "is in another MIG mode");
		break;
	case LIMIT_DRIVER:
		(void)snprintf(buf, size, "its driver says that no more fit");
		break;
	case LIMIT_UNKNOWN:
		(void)snprintf(buf, size,
			       "does not say how many of this profile it takes");
		break;
	}
	return buf;
}

const char *limit_hint(const struct host *host, size_t gpu, enum limit limit, char *buf,
		       size_t size)
{
	char name[BDF_SIZE];

	(void)bdf_format(&host->gpus[gpu].bdf, name);
	buf[0] = '\0';
	if (limit == LIMIT_SRIOV_OFF)
		(void)snprintf(buf, size, "vgpumgr sriov enable %s", name);
	else if (limit == LIMIT_MAX_INSTANCE || limit == LIMIT_OTHER_SIZE)
		(void)snprintf(buf, size, "'vgpumgr list --gpu %s' shows what holds it",
			       name);
	else if (limit == LIMIT_EXCLUDED && !host->gpus[gpu].excluded)
		(void)snprintf(buf, size, "vgpumgr gpu set %s --cordon off", name);
	else if (limit == LIMIT_DRIVER)
		(void)snprintf(buf, size, "'dmesg | grep NVRM' may tell why");
	return buf;
}

static const char *static_reason(enum plan_reason reason)
{
	static const char *const sentences[] = {
		[REASON_NONE] = "",
		[REASON_GPU_ABSENT] = "its GPU %s is not on this host",
		[REASON_NO_DRIVER] = "its GPU %s is bound to no driver",
		[REASON_OTHER_DRIVER] =
			"its GPU %s is bound to another driver than nvidia",
		[REASON_EXCLUDED] = "its GPU %s is excluded by the config",
		[REASON_SRIOV_OFF] = "the virtual functions of its GPU %s are off",
		[REASON_NO_TYPES] = "no VF of its GPU %s shows vGPU types",
		[REASON_NO_FREE_VF] =
			"its VF is taken or gone and its GPU %s has no other",
		[REASON_VF_TAKEN] = "somebody else's vGPU is on its VF",
		[REASON_VF_GONE] = "its VF is gone or shows no vGPU types",
		[REASON_OTHER_PROFILE] = "its UUID is live with another profile",
		[REASON_OTHER_GPU] = "its UUID is live on another GPU than %s",
		[REASON_OTHER_SIZE] = "foreign vGPUs of another size are on its GPU %s",
		[REASON_NOT_OFFERED] = "its GPU %s does not offer its profile",
		[REASON_STUCK] =
			"a removal or create of it hangs in the kernel; it is left alone",
		[REASON_IN_PROGRESS] = "another process is at work on it",
		[REASON_REMOVAL_CUT_SHORT] =
			"its removal was cut short; run remove again",
		[REASON_MOVE_UNDONE] =
			"its move was cut short, and it is where it was; run move again",
		[REASON_MOVE_CUT_SHORT] =
			"its move was cut short; 'vgpumgr reconcile' ends it",
		[REASON_PARAMS] = "its driver has other parameters than are on record",
		[REASON_STOP_CUT_SHORT] = "its stop was cut short; run stop again",
	};

	return sentences[reason];
}

const char *reason_sentence(const struct saved_vgpu *saved, enum plan_reason reason,
			    char *buf, size_t size)
{
	const char *sentence = static_reason(reason), *at = strstr(sentence, "%s");
	char name[BDF_SIZE];

	if (at)
		(void)snprintf(buf, size, "%.*s%s%s", (int)(at - sentence), sentence,
			       bdf_format(&saved->gpu, name), at + 2);
	else
		(void)snprintf(buf, size, "%s", sentence);
	return buf;
}
