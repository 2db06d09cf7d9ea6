/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "fuzz.h"
#include "model/smi.h"

#define MOST 16

static const char *const switches[] = {
	[SMI_OFF] = "Disabled",
	[SMI_ON] = "Enabled",
	[SMI_UNSUPPORTED] = "N/A",
};

static void print_switch(FILE *out, const char *key, enum smi_switch value)
{
	if (value)
		fprintf(out, "        %s : %s\r\n", key, switches[value]);
}

/* What nvidia-smi would write of GPUS. The caller frees it. */
static char *format(const struct smi_gpu *gpus, size_t n)
{
	static const char *const modes[] = { NULL, "N/A", "SR-IOV", "Non SR-IOV" };
	char *text = NULL, name[BDF_SIZE];
	size_t i, size;
	FILE *out = open_memstream(&text, &size);

	must_hold(out);
	for (i = 0; i < n; i++) {
		fprintf(out, "GPU %s\n    vGPU Device Capability\n",
			smi_bus_id(&gpus[i].bdf, name));
		print_switch(out, "Heterogeneous Time-Slice Sizes", gpus[i].mixed_size);
		fprintf(out, "    MIG Mode\n");
		print_switch(out, "Current", gpus[i].mig_current);
		print_switch(out, "Pending", gpus[i].mig_pending);
		fprintf(out, "    GPU Virtualization Mode\n");
		if (gpus[i].host_mode)
			fprintf(out, "        Host VGPU Mode   : %s\n",
				modes[gpus[i].host_mode]);
		print_switch(out, "vGPU Heterogeneous Mode", gpus[i].heterogeneous);
	}
	must_hold(fclose(out) == 0);
	return text;
}

static void check_equal(const struct smi_gpu *a, const struct smi_gpu *b)
{
	must_hold(bdf_equal(&a->bdf, &b->bdf));
	must_hold(a->host_mode == b->host_mode && a->mixed_size == b->mixed_size);
	must_hold(a->heterogeneous == b->heterogeneous);
	must_hold(a->mig_current == b->mig_current && a->mig_pending == b->mig_pending);
}

static void check_gpu(const struct smi_gpu *gpu, const char *text)
{
	must_hold(gpu->bdf.device < 32 && gpu->bdf.function < 8);
	must_hold(!gpu->host_mode || strstr(text, "Host VGPU Mode"));
	must_hold(gpu->host_mode < SMI_HOST_SRIOV || strstr(text, "SR-IOV"));
	must_hold(!gpu->heterogeneous || strstr(text, "vGPU Heterogeneous Mode"));
	must_hold(!gpu->mixed_size || strstr(text, "Heterogeneous Time-Slice Sizes"));
	must_hold(!gpu->mig_current || strstr(text, "Current"));
	must_hold(!gpu->mig_pending || strstr(text, "Pending"));
}

int fuzz_smi_query(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size), *formatted = NULL;
	struct smi_gpu gpus[MOST], again[MOST];
	struct smi_fault fault = { 0, NULL };
	int i, n = smi_parse_query(text, gpus, MOST, &fault);

	if (n < 0) {
		must_hold(n == -EPROTO || n == -E2BIG);
		must_hold(fault.why && fault.why[0] && fuzz_is_clean(fault.why));
		return 0;
	}
	must_hold(n > 0 && n <= MOST);
	for (i = 0; i < n; i++)
		check_gpu(&gpus[i], text);
	formatted = format(gpus, (size_t)n);
	must_hold(smi_parse_query(formatted, again, MOST, &fault) == n);
	for (i = 0; i < n; i++)
		check_equal(&gpus[i], &again[i]);
	must_hold(smi_parse_query(text, again, (size_t)n - 1, &fault) == -E2BIG);
	return 0;
}
