/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "fuzz.h"
#include "sysfs/mdev.h"
#include "sysfs/pci.h"
#include "sysfs/sriov.h"
#include "sysfs/vfio.h"
#include "util/text.h"

#define GPU "0000:e8:00.0"  /* all of it reads as the input */
#define NUMA "0000:e9:00.0" /* only numa_node does */
#define DEVICES "sys/bus/pci/devices/"
#define TYPES "sys/class/mdev_bus/" GPU "/mdev_supported_types"

struct input {
	const uint8_t *data;
	size_t size;
	int devices_fd, types_fd, gpu_fd;
};

static int prepare(void)
{
	static const char *const files[] = {
		"vendor",
		"class",
		"device",
		"driver_override",
		"sriov_totalvfs",
		"nvidia/current_vgpu_type",
		"nvidia/placement_id",
	};
	char path[128];
	size_t i;
	int root = fuzz_root();

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), DEVICES GPU "/%s", files[i]);
		fuzz_link(root, path,
			  strchr(files[i], '/') ? "../../../../../../input"
						: "../../../../../input");
	}
	fuzz_link(root, DEVICES NUMA "/numa_node", "../../../../../input");
	fuzz_file(root, DEVICES NUMA "/vendor", "0x10de\n", 7);
	fuzz_file(root, DEVICES NUMA "/device", "8757", 4);
	fuzz_link(root, TYPES "/nvidia-1/available_instances", "../../../../../../input");
	fuzz_link(root, TYPES "/nvidia-1/name", "../../../../../../input");
	return root;
}

/* What sysfs_read() is to make of it, with a buffer of ROOM bytes. */
static int expected(const struct input *in, size_t room, char *text)
{
	size_t len = in->size;

	if (len > room)
		return -EOVERFLOW;
	if (len && in->data[len - 1] == '\n')
		len--;
	if (len == room)
		return -EOVERFLOW;
	if (len && memchr(in->data, 0, len))
		return -EPROTO;
	if (len)
		memcpy(text, in->data, len);
	text[len] = '\0';
	return 0;
}

static void check_read(const struct input *in, size_t room)
{
	_cleanup_(freep) char *text = malloc(room), *wanted = malloc(room);
	struct error err;
	int r;

	must_hold(text && wanted);
	r = sysfs_read(fuzz_root(), "input", text, room, &err);
	must_hold(r == expected(in, room, wanted));
	if (r < 0)
		fuzz_check_error(&err);
	else
		must_hold(!strcmp(text, wanted));
}

/* 0 and the number, or the error of it. */
static int expected_number(const struct input *in, uint64_t *ret)
{
	char text[64];
	int r = expected(in, sizeof(text), text);

	if (r < 0)
		return r;
	return parse_number(text, ret) ? 0 : -EPROTO;
}

static void check_numbers(const struct input *in)
{
	uint64_t value = 0, got = 0;
	uint32_t narrow = 0;
	struct error err;
	int is = expected_number(in, &value), r;

	r = sysfs_read_u64(fuzz_root(), "input", &got, &err);
	must_hold(r == is && got == value);
	if (r < 0)
		fuzz_check_error(&err);
	r = sriov_total(in->gpu_fd, &narrow, &err);
	must_hold(r == (is < 0 ? is : value > UINT16_MAX ? -EPROTO : 0));
	must_hold(narrow == (r == 0 ? value : 0));
	r = mdev_available(in->types_fd, "nvidia-1", &narrow, &err);
	must_hold(r == is);
	must_hold(r < 0 || (narrow < AVAILABLE_UNKNOWN &&
			    (narrow == value || value >= AVAILABLE_UNKNOWN)));
	r = vfio_current_type(in->devices_fd, GPU, &narrow, &err);
	must_hold(r == (is < 0 ? is : value > UINT32_MAX ? -EPROTO : 1));
	must_hold(r != 1 || narrow == value);
	r = pci_is_nvidia_gpu(in->devices_fd, GPU,
			      &err); /* class and vendor are one here */
	must_hold(r == is);
}

static void check_gpu(const struct input *in)
{
	struct gpu gpu = { .numa_node = -2 };
	char text[ATTR_SIZE];
	uint32_t node;
	struct error err;
	int is = expected(in, sizeof(text), text), r;

	must_hold(bdf_parse(NUMA, &gpu.bdf));
	r = pci_read_gpu(in->devices_fd, &gpu, &err);
	if (is == 0 && !strcmp(text, "-1"))
		must_hold(r == 0 && gpu.numa_node == -1);
	else if (is == 0 && parse_u32(text, &node) && node <= INT32_MAX)
		must_hold(r == 0 && gpu.numa_node == (int)node);
	else
		must_hold(r == (is < 0 ? is : -EPROTO) && gpu.numa_node == -1);
	if (r < 0)
		fuzz_check_error(&err);
	must_hold(gpu.vendor == 0x10de && gpu.device == 8757);
	must_hold(bdf_parse(GPU, &gpu.bdf));
	must_hold(pci_read_override(in->devices_fd, &gpu, &err) == is);
	if (is == 0 && strcmp(text, "(null)"))
		must_hold(!strncmp(gpu.driver_override, text, DRIVER_NAME_SIZE - 1));
	else
		must_hold(!gpu.driver_override[0]);
}

static void check_type(const struct input *in)
{
	char text[TYPE_NAME_SIZE];
	struct vgpu_type type;
	struct error err;
	int is = expected(in, sizeof(text), text);
	int r = mdev_read_type(in->types_fd, "nvidia-1", &type, &err);

	if (is == 0 && (!text[0] || !fuzz_is_clean(text)))
		is = -EPROTO;
	must_hold(r == is);
	if (r == 0)
		must_hold(type.id == 1 && !strcmp(type.name, text));
	else
		fuzz_check_error(&err);
}

static void check_text(const struct input *in)
{
	char text[64], got[64];
	struct error err;
	int is = expected(in, sizeof(text), text);
	int r = vfio_read_text(in->gpu_fd, "placement_id", got, sizeof(got), &err);

	if (is < 0)
		must_hold(r == is);
	else if (strspn(text, " \t\r\n") == strlen(text))
		must_hold(r == 0 && !got[0]);
	else if (fuzz_is_clean(text))
		must_hold(r == 1 && !strcmp(got, text));
	else
		must_hold(r == -EPROTO);
	if (r < 0)
		fuzz_check_error(&err);
}

/* What all attributes of a device read as. */
int fuzz_sysfs(const uint8_t *data, size_t size)
{
	static struct input in = { NULL, 0, -1, -1, -1 };

	if (in.devices_fd < 0) {
		int root = prepare();

		fuzz_file(root, "input", "", 0);
		in.devices_fd = sysfs_walk(root, PCI_DEVICES, NULL);
		in.gpu_fd = sysfs_walk(root, DEVICES GPU, NULL);
		in.types_fd = sysfs_walk(root, TYPES, NULL);
		must_hold(in.devices_fd >= 0 && in.types_fd >= 0 && in.gpu_fd >= 0);
	}
	in.data = data;
	in.size = size;
	fuzz_file(fuzz_root(), "input", data, size);
	check_read(&in, 1);
	check_read(&in, 64);
	check_read(&in, ATTR_SIZE);
	check_numbers(&in);
	check_gpu(&in);
	check_type(&in);
	check_text(&in);
	return 0;
}
