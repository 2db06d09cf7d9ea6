/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nvidia-smi tells of GPUs, of their vGPU types, and of the vGPUs in use. */
#include <string.h>
#include <time.h>

#include "smi.h"

/* --- GPUs: -q, -L --- */

/* Eight GPUs of one model have to differ. */
static void gpu_uuid(const struct gpu *gpu, char buf[64])
{
	uint64_t h = hash_bytes(&gpu->bdf, sizeof(gpu->bdf));

	put(buf, 64, "GPU-%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(h & 0xffffffff),
	    (unsigned)(h >> 32 & 0xffff), (unsigned)(h >> 20 & 0xfff),
	    (unsigned)(h >> 44 & 0xfff), (unsigned long long)(h >> 12 & 0xffffffffffff));
}

/* In host files an underscore stands for a blank. */
static void product(const struct gpu *gpu, char buf[64])
{
	char *c;

	put(buf, 64, "%s%s", strncmp(gpu->model, "Tesla", 5) ? "NVIDIA " : "",
	    gpu->model);
	for (c = buf; *c; c++) {
		if (*c == '_')
			*c = ' ';
	}
}

static const char *enabled(bool known, bool on)
{
	if (!known)
		return "N/A";
	return on ? "Enabled" : "Disabled";
}

static void pair(struct smi *s, const char *title, const char *current,
		 const char *pending)
{
	reply_add(s->out, "    %s\n", title);
	smi_line(s, 8, "Current", "%s", current);
	smi_line(s, 8, "Pending", "%s", pending);
}

static void memory(struct smi *s, unsigned indent, const char *title, unsigned total)
{
	reply_add(s->out, "%*s%s\n", (int)indent, "", title);
	smi_line(s, indent + 4, "Total", "%u MiB", total);
	smi_line(s, indent + 4, "Reserved", "0 MiB");
	smi_line(s, indent + 4, "Used", "0 MiB");
	smi_line(s, indent + 4, "Free", "%u MiB", total);
}

/* What one can use of MIG: instances with a compute instance in them. */
static void mig_devices(struct smi *s, const struct gpu *gpu)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < GIS_MAX; i++) {
		const struct gi *gi = &gpu->gis[i];

		if (!gi->profile || !gi->compute)
			continue;
		reply_add(s->out, "    MIG Device\n");
		smi_line(s, 8, "Index", "%u", n++);
		smi_line(s, 8, "GPU Instance ID", "%u", gi->id);
		smi_line(s, 8, "Compute Instance ID", "0");
		reply_add(s->out, "        Device Attributes\n            Shared\n");
		smi_line(s, 16, "Multiprocessor count", "%u", gi->profile->sm);
		memory(s, 8, "FB Memory Usage",
		       gpu->framebuffer_mib / GIS_MAX * gi->profile->size);
	}
}

static void virtualization(struct smi *s, const struct gpu *gpu)
{
	reply_add(s->out, "    GPU Virtualization Mode\n");
	smi_line(s, 8, "Virtualization Mode", "Host VGPU");
	smi_line(s, 8, "Host VGPU Mode",
		 gpu->framework == FRAMEWORK_PF ? "Non SR-IOV" : "SR-IOV");
	if (smi_since(s, 550, 0))
		smi_line(s, 8, "vGPU Heterogeneous Mode", "%s",
			 enabled(mixed_known(gpu) && !gpu->mig_on, gpu->mixed));
}

static void bus(struct smi *s, const struct gpu *gpu, const char *id)
{
	reply_add(s->out, "    PCI\n");
	smi_line(s, 8, "Bus", "0x%02X", gpu->bdf >> 8 & 0xff);
	smi_line(s, 8, "Device", "0x%02X", gpu->bdf >> 3 & 31);
	smi_line(s, 8, "Domain", "0x%04X", gpu->bdf >> 16);
	smi_line(s, 8, "Device Id", "0x%04X10DE", gpu->device);
	smi_line(s, 8, "Bus Id", "%s", id);
	smi_line(s, 8, "Sub System Id", "0x%04X10DE", gpu->subdevice);
}

static void query_gpu(struct smi *s, size_t i)
{
	const struct gpu *gpu = s->gpus[i];
	char id[SMI_BUS_ID_SIZE], text[64];

	smi_bus_id(gpu->bdf, id);
	reply_add(s->out, "GPU %s\n", id);
	product(gpu, text);
	smi_line(s, 4, "Product Name", "%s", text);
	smi_line(s, 4, "Product Brand", "NVIDIA");
	smi_line(s, 4, "Display Mode", "Enabled");
	smi_line(s, 4, "Display Active", "Disabled");
	smi_line(s, 4, "Persistence Mode", "Enabled");
	reply_add(s->out, "    vGPU Device Capability\n");
	smi_line(s, 8, "Fractional Multi-vGPU", "Supported");
	smi_line(s, 8, "Heterogeneous Time-Slice Profiles", "Supported");
	smi_line(s, 8, "Heterogeneous Time-Slice Sizes",
		 mixed_known(gpu) ? "Supported" : "Not Supported");
	pair(s, "MIG Mode", enabled(gpu->mig, gpu->mig_on),
	     enabled(gpu->mig, gpu->mig_pending));
	mig_devices(s, gpu);
	smi_line(s, 4, "Accounting Mode", "Enabled");
	pair(s, "Driver Model", "N/A", "N/A");
	gpu_uuid(gpu, text);
	smi_line(s, 4, "GPU UUID", "%s", text);
	smi_line(s, 4, "Minor Number", "%u", s->index[i]);
	pair(s, "GPU Operation Mode", "N/A", "N/A");
	virtualization(s, gpu);
	smi_line(s, 4, "GSP Firmware Version", "N/A");
	bus(s, gpu, id);
	memory(s, 4, "FB Memory Usage", gpu->framebuffer_mib);
	pair(s, "Ecc Mode", "Enabled", "Enabled");
	/* This one stays where it was when the columns grew. */
	reply_add(s->out, "    %-38s: None\n\n", "Processes");
}

int smi_query(struct smi *s)
{
	char now[64];
	struct tm tm;
	time_t t = time(NULL);
	size_t i;

	gmtime_r(&t, &tm);
	strftime(now, sizeof(now), "%a %b %e %H:%M:%S %Y", &tm);
	reply_add(s->out, "\n==============NVSMI LOG==============\n\n");
	smi_line(s, 0, "Timestamp", "%s", now);
	smi_line(s, 0, "Driver Version", "%s", s->sim->version);
	smi_line(s, 0, "CUDA Version", "Not Found");
	reply_add(s->out, "vGPU Driver Capability\n");
	smi_line(s, 8, "Heterogenous Multi-vGPU", "Supported");
	reply_add(s->out, "\n");
	smi_line(s, 0, "Attached GPUs", "%zu", s->n_all);
	for (i = 0; i < s->n_gpus; i++)
		query_gpu(s, i);
	return SMI_OK;
}

int smi_list(struct smi *s)
{
	char name[64], uuid[64];
	size_t i;

	for (i = 0; i < s->n_gpus; i++) {
		product(s->gpus[i], name);
		gpu_uuid(s->gpus[i], uuid);
		reply_add(s->out, "GPU %u: %s (UUID: %s)\n", s->index[i], name, uuid);
	}
	return SMI_OK;
}

/* --- types: vgpu -s, vgpu -c --- */

/* Some function of GPU would make a vGPU of that type. */
static bool is_creatable(const struct gpu *gpu, unsigned type)
{
	unsigned i;

	if (mdev_parent(gpu->pf))
		return type_room(gpu->pf, type);
	for (i = 0; i < gpu->num_vfs; i++) {
		const struct device *vf = gpu->vfs[i];

		if (vf && (mdev_parent(vf) || vfio_parent(vf)) && type_room(vf, type))
			return true;
	}
	return false;
}

static const char *class_of(const struct vgpu_type *type)
{
	switch (type_series(type)) {
	case 'Q':
		return "Quadro";
	case 'C':
		return "Compute";
	default:
		return "NVS";
	}
}

static const char *license_of(const struct vgpu_type *type)
{
	switch (type_series(type)) {
	case 'Q':
		return "Quadro-Virtual-DWS,5.0;GRID-Virtual-WS,2.0;GRID-Virtual-WS-Ext,2."
		       "0";
	case 'C':
		return "NVIDIA-vComputeServer,9.0;Quadro-Virtual-DWS,5.0";
	case 'A':
		return "GRID-Virtual-Apps,3.0";
	default:
		return "GRID-Virtual-PC,2.0;Quadro-Virtual-DWS,5.0;GRID-Virtual-WS,2.0";
	}
}

/* The GPU instances that back the type. */
static const struct gi_profile *profile_of(const struct gpu *gpu,
					   const struct vgpu_type *type)
{
	size_t i;

	for (i = 0; gpu->mig && i < gpu->mig->n; i++) {
		if (!strcmp(gpu->mig->profiles[i].name, type->mig_profile))
			return &gpu->mig->profiles[i];
	}
	return NULL;
}

static void placements(struct smi *s, const struct gpu *gpu, const struct vgpu_type *type)
{
	unsigned size = placement_size(type), i;
	struct text ids = { 0 };

	for (i = 0; i < type->max_mixed; i++) {
		unsigned id = placement_id(gpu, type, i);

		if (s->creatable && (!gpu->mixed || !placement_free(gpu, id, size, NULL)))
			continue;
		text_add(&ids, "%s%u", ids.len ? " " : "", id);
	}
	if (type->max_mixed)
		smi_line(s, 8, "Placement Size", "%u", size);
	else
		smi_line(s, 8, "Placement Size", "N/A");
	smi_line(s, 8,
		 s->creatable ? "Creatable Placement IDs" : "Supported Placement IDs",
		 "%s", ids.len ? ids.buf : "N/A");
}

static void type_in_full(struct smi *s, const struct gpu *gpu,
			 const struct vgpu_type *type)
{
	const struct gi_profile *profile = profile_of(gpu, type);
	bool whole = type->max_instance == 1, fractions = type_series(type) == 'Q';
	struct display d;

	type_display(type, &d);
	smi_line(s, 4, "vGPU Type ID", "0x%x", type->id + s->sim->type_offset);
	smi_line(s, 8, "Name", "%s", type->name);
	smi_line(s, 8, "Class", "%s", class_of(type));
	if (profile)
		smi_line(s, 8, "GPU Instance Profile ID", "%u", profile->id);
	else
		smi_line(s, 8, "GPU Instance Profile ID", "N/A");
	smi_line(s, 8, "Max Instances", "%u", type->max_instance);
	smi_line(s, 8, "Max Instances Per VM", whole || fractions ? "16" : "1");
	if (smi_since(s, 570, 0))
		smi_line(s, 8, "Max Instances Per GI", profile ? "1" : "N/A");
	smi_line(s, 8, "Device ID", "0x%04x10de", gpu->device);
	smi_line(s, 8, "Sub System ID", "0x%04x", gpu->subdevice);
	smi_line(s, 8, "FB Memory", "%u MiB", type->framebuffer_mib);
	smi_line(s, 8, "Display Heads", "%u", d.heads);
	smi_line(s, 8, "Maximum X Resolution", "%u", d.width);
	smi_line(s, 8, "Maximum Y Resolution", "%u", d.height);
	smi_line(s, 8, "Frame Rate Limit", "%u FPS", d.frl);
	smi_line(s, 8, "GRID License", "%s", license_of(type));
	placements(s, gpu, type);
}

int smi_types(struct smi *s)
{
	size_t i;
	unsigned t;

	for (i = 0; i < s->n_gpus; i++) {
		const struct gpu *gpu = s->gpus[i];
		char id[SMI_BUS_ID_SIZE];

		smi_bus_id(gpu->bdf, id);
		reply_add(s->out, "GPU %s\n", id);
		for (t = 0; t < gpu->table->n; t++) {
			if (!type_offered(s->sim, gpu->table, t) ||
			    (s->creatable && !is_creatable(gpu, t)))
				continue;
			if (s->verbose)
				type_in_full(s, gpu, &gpu->table->types[t]);
			else
				reply_add(s->out, "    %s\n", gpu->table->types[t].name);
		}
	}
	return SMI_OK;
}

/* --- vGPUs in use: vgpu -q --- */

static void zeros(struct smi *s, const char *title, const char *const *keys, size_t n,
		  const char *value)
{
	size_t i;

	reply_add(s->out, "        %s\n", title);
	for (i = 0; i < n; i++)
		smi_line(s, 12, keys[i], "%s", value);
}

/* MDEV_UUID is NULL in the vendor-specific framework. */
static void vgpu(struct smi *s, const struct gpu *gpu, const struct claim *claim,
		 const struct object *obj, const char *vm, const char *mdev_uuid)
{
	static const char *const usage[] = { "GPU", "Memory", "Encoder", "Decoder" };
	static const char *const stats[] = { "Active Sessions", "Average FPS",
					     "Average Latency" };
	const struct vgpu_type *type = &gpu->table->types[claim->type];
	uint64_t h = hash_bytes(vm, strlen(vm)), key = obj->by_serial.key;
	int place = claim->gi ? 0 : claim->placement;

	smi_line(s, 4, "vGPU ID", "%llu",
		 3251634176ULL + (unsigned long long)key % 65536);
	smi_line(s, 8, "VM UUID", "%08x-0000-4000-8000-%012llx",
		 (unsigned)(h & 0xffffffff), (unsigned long long)(h >> 16));
	smi_line(s, 8, "VM Name", "%s,debug-threads=on", vm);
	smi_line(s, 8, "vGPU Name", "%s", type->name);
	smi_line(s, 8, "vGPU Type", "%u", type->id + s->sim->type_offset);
	smi_line(s, 8, "vGPU UUID", "%08llx-859f-11f1-84fe-7572c7d51d3e",
		 (unsigned long long)key);
	if (mdev_uuid)
		smi_line(s, 8, "MDEV UUID", "%s", mdev_uuid);
	smi_line(s, 8, "Guest Driver Version", "N/A");
	smi_line(s, 8, "License Status", "N/A (Expiry: N/A)");
	if (claim->gi)
		smi_line(s, 8, "GPU Instance ID", "%u", claim->gi->id);
	else
		smi_line(s, 8, "GPU Instance ID", "N/A");
	if (place >= 0)
		smi_line(s, 8, "Placement ID", "%d", place);
	else
		smi_line(s, 8, "Placement ID", "N/A");
	smi_line(s, 8, "Accounting Mode", "N/A");
	smi_line(s, 8, "ECC Mode", "N/A");
	smi_line(s, 8, "Accounting Buffer Size", "4000");
	smi_line(s, 8, "Frame Rate Limit", "N/A");
	reply_add(s->out, "        PCI\n");
	smi_line(s, 12, "Bus Id", "00000000:00:00.0");
	reply_add(s->out, "        FB Memory Usage\n");
	smi_line(s, 12, "Total", "%u MiB", type->framebuffer_mib);
	smi_line(s, 12, "Used", "0 MiB");
	smi_line(s, 12, "Free", "%u MiB", type->framebuffer_mib);
	zeros(s, "Utilization", usage, ARRAY_SIZE(usage), "0 %");
	zeros(s, "Encoder Stats", stats, ARRAY_SIZE(stats), "0");
	zeros(s, "FBC Stats", stats, ARRAY_SIZE(stats), "0");
}

/* Counts, or if TELL tells, what VMs use on DEV. */
static unsigned vgpus_of(struct smi *s, const struct device *dev, bool tell)
{
	const struct mdev *m;
	unsigned n = 0;

	if (!dev)
		return 0;
	for (m = dev->mdevs; m; m = m->sibling) {
		if (!m->busy)
			continue;
		n++;
		if (tell)
			vgpu(s, dev->gpu, &m->claim, &m->obj, m->vm_name, m->uuid);
	}
	if (!dev->claim.held || !dev->holder)
		return n;
	if (tell)
		vgpu(s, dev->gpu, &dev->claim, &dev->obj, "holder", NULL);
	return n + 1;
}

static unsigned vgpus_of_gpu(struct smi *s, const struct gpu *gpu, bool tell)
{
	unsigned n = vgpus_of(s, gpu->pf, tell), i;

	for (i = 0; i < gpu->num_vfs; i++)
		n += vgpus_of(s, gpu->vfs[i], tell);
	return n;
}

int smi_vgpus(struct smi *s)
{
	char id[SMI_BUS_ID_SIZE];
	size_t i;

	for (i = 0; i < s->n_gpus; i++) {
		smi_bus_id(s->gpus[i]->bdf, id);
		reply_add(s->out, "GPU %s\n", id);
		smi_line(s, 4, "Active vGPUs", "%u", vgpus_of_gpu(s, s->gpus[i], false));
		vgpus_of_gpu(s, s->gpus[i], true);
	}
	return SMI_OK;
}
