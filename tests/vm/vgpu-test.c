/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plays NVIDIA's vGPU driver on the SR-IOV functions of QEMU's NVMe controller.
 *
 * The mdev core, VFIO, SR-IOV and sysfs are the kernel's own; made up are the vendor and
 * device numbers (an A40's), the types, and the driver's rules: one vGPU per VF, vGPUs of one
 * framebuffer size on a GPU and no more of them than max_instance. What may go wrong is asked
 * for by module parameters.
 */
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/mdev.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/vfio.h>
#include <linux/workqueue.h>

#define QEMU_VENDOR 0x1b36
#define QEMU_NVME 0x0010
#define NVIDIA_A40 0x2235
#define CLASS_3D 0x030200

#define PARAMETER(name, type, value, what)  \
	static type name = value;           \
	module_param(name, type, 0644);     \
	MODULE_PARM_DESC(name, what)

PARAMETER(create_ms, uint, 0, "milliseconds that each create takes");
PARAMETER(serialise, bool, true, "one create at a time on a GPU");
PARAMETER(fail_in, int, 0, "the n-th create from now fails; 0: none");
PARAMETER(fail_errno, int, EIO, "its errno");
PARAMETER(full_errno, int, ENOSPC, "errno of a create that the rules refuse");
PARAMETER(hang, bool, false, "creates hang, not to be killed, until this is written");
PARAMETER(late_s, uint, 0, "seconds until a VF that was bound shows its types");
PARAMETER(late_bus, int, -1, "bus of the one GPU that late_s is for; -1: all");
PARAMETER(missing_bus, int, -1, "bus of a GPU that the driver refuses");
PARAMETER(id_offset, int, 0, "what is added to type ids; at registration");
PARAMETER(show_vm_name, bool, true, "vm_name tells who opened a vGPU");

static char *vf_driver = "";
module_param(vf_driver, charp, 0444);
MODULE_PARM_DESC(vf_driver, "name of another driver that takes the VFs");

static const struct profile {
	unsigned int id;
	const char *name;
	unsigned int mib, max, heads, frl;
	const char *resolution;
} profiles[] = {
#define B(id, gb, max) { id, "NVIDIA A40-" #gb "B", gb * 1024, max, 4, 45, "5120x2880" }
#define Q(id, gb, max) { id, "NVIDIA A40-" #gb "Q", gb * 1024, max, 4, 60, "7680x4320" }
#define A(id, gb, max) { id, "NVIDIA A40-" #gb "A", gb * 1024, max, 1, 60, "1280x1024" }
	B(555, 1, 32),	B(556, 2, 24),	Q(557, 1, 32),	Q(558, 2, 24),	Q(559, 3, 16),
	Q(560, 4, 12),	Q(561, 6, 8),	Q(562, 8, 6),	Q(563, 12, 4),	Q(564, 16, 3),
	Q(565, 24, 2),	Q(566, 48, 1),	A(567, 1, 32),	A(568, 2, 24),	A(569, 3, 16),
	A(570, 4, 12),	A(571, 6, 8),	A(572, 8, 6),	A(573, 12, 4),	A(574, 16, 3),
	A(575, 24, 2),	A(576, 48, 1),
};
#define N_PROFILES ARRAY_SIZE(profiles)

/* Kept until the module goes: VFs and their vGPUs outlive the binding of their PF. */
struct gpu {
	struct list_head list;
	int domain, bus;
	unsigned int devfn;
	struct mutex create_lock;
	unsigned int n_vgpus, mib; /* mib: of each of them */
};

struct vf {
	struct device *dev;
	struct gpu *gpu;
	bool taken, registered;
	struct delayed_work work;
	struct mdev_parent parent;
	struct vf_type {
		struct mdev_type type;
		struct vf *vf;
		const struct profile *profile;
		char id[16];
	} types[N_PROFILES];
	struct mdev_type *type_list[N_PROFILES];
};

struct vgpu {
	struct vfio_device vdev;
	char vm_name[TASK_COMM_LEN], params[256];
};

static LIST_HEAD(gpus);
static DEFINE_MUTEX(lock); /* gpus, their counts, vf->taken, fail_in */

/* --- the rules */

static bool fits(const struct vf_type *t)
{
	const struct gpu *gpu = t->vf->gpu;

	if (t->vf->taken)
		return false;
	return gpu->n_vgpus == 0 ||
	       (gpu->mib == t->profile->mib && gpu->n_vgpus < t->profile->max);
}

static int take(struct vf_type *t)
{
	int r = 0;

	mutex_lock(&lock);
	if (fail_in > 0 && --fail_in == 0)
		r = -fail_errno;
	else if (!fits(t))
		r = -full_errno;
	if (r == 0) {
		t->vf->taken = true;
		t->vf->gpu->mib = t->profile->mib;
		t->vf->gpu->n_vgpus++;
	}
	mutex_unlock(&lock);
	return r;
}

static void give_back(struct vf_type *t)
{
	mutex_lock(&lock);
	t->vf->taken = false;
	t->vf->gpu->n_vgpus--;
	mutex_unlock(&lock);
}

static struct vf_type *to_vf_type(struct mdev_type *type)
{
	return container_of(type, struct vf_type, type);
}

static unsigned int get_available(struct mdev_type *type)
{
	unsigned int r;

	mutex_lock(&lock);
	r = fits(to_vf_type(type));
	mutex_unlock(&lock);
	return r;
}

static ssize_t show_description(struct mdev_type *type, char *buf)
{
	const struct profile *p = to_vf_type(type)->profile;

	return sysfs_emit(buf,
			  "num_heads=%u, frl_config=%u, framebuffer=%uM, max_resolution=%s, max_instance=%u\n",
			  p->heads, p->frl, p->mib, p->resolution, p->max);
}

/* --- a vGPU: can be opened and held, no more */

static struct vgpu *to_vgpu(struct vfio_device *vdev)
{
	return container_of(vdev, struct vgpu, vdev);
}

static int vgpu_open(struct vfio_device *vdev)
{
	if (show_vm_name)
		get_task_comm(to_vgpu(vdev)->vm_name, current);
	return 0;
}

static void vgpu_close(struct vfio_device *vdev)
{
	to_vgpu(vdev)->vm_name[0] = '\0';
}

static long vgpu_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct vfio_device_info info;
	unsigned long size = offsetofend(struct vfio_device_info, num_irqs);

	if (cmd == VFIO_DEVICE_RESET)
		return 0;
	if (cmd != VFIO_DEVICE_GET_INFO)
		return -ENOTTY;
	if (copy_from_user(&info, (void __user *)arg, size))
		return -EFAULT;
	if (info.argsz < size)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = 0;
	info.num_irqs = 0;
	return copy_to_user((void __user *)arg, &info, size) ? -EFAULT : 0;
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
static void vgpu_release(struct vfio_device *vdev)
{
	vfio_free_device(vdev); /* later kernels do it themselves */
}
#endif

static const struct vfio_device_ops vgpu_ops = {
	.name = "nvidia-vgpu-vfio",
	.open_device = vgpu_open,
	.close_device = vgpu_close,
	.ioctl = vgpu_ioctl,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	.release = vgpu_release,
#else
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
#endif
};

static ssize_t vm_name_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vgpu *vgpu = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", vgpu->vm_name);
}
static DEVICE_ATTR_RO(vm_name);

static ssize_t vgpu_params_show(struct device *dev, struct device_attribute *attr,
				char *buf)
{
	struct vgpu *vgpu = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", vgpu->params);
}

static ssize_t vgpu_params_store(struct device *dev, struct device_attribute *attr,
				 const char *buf, size_t count)
{
	struct vgpu *vgpu = dev_get_drvdata(dev);
	size_t n = strcspn(buf, "\n");

	if (n >= sizeof(vgpu->params))
		return -EINVAL;
	memcpy(vgpu->params, buf, n);
	vgpu->params[n] = '\0';
	return count;
}
static DEVICE_ATTR_RW(vgpu_params);

static struct attribute *vgpu_attrs[] = {
	&dev_attr_vm_name.attr,
	&dev_attr_vgpu_params.attr,
	NULL,
};
static const struct attribute_group vgpu_group = { .name = "nvidia", .attrs = vgpu_attrs };
static const struct attribute_group *vgpu_groups[] = { &vgpu_group, NULL };

static int register_vgpu(struct mdev_device *mdev)
{
	struct vgpu *vgpu = vfio_alloc_device(vgpu, vdev, &mdev->dev, &vgpu_ops);
	int r;

	if (IS_ERR(vgpu))
		return PTR_ERR(vgpu);
	dev_set_drvdata(&mdev->dev, vgpu);
	r = vfio_register_emulated_iommu_dev(&vgpu->vdev);
	if (r)
		vfio_put_device(&vgpu->vdev);
	return r;
}

/* D state while HANG is set: what no signal reaches must be here, and nowhere else. */
static void take_time(void)
{
	while (READ_ONCE(hang))
		schedule_timeout_uninterruptible(HZ / 20);
	if (create_ms)
		msleep(create_ms);
}

static int vgpu_probe(struct mdev_device *mdev)
{
	struct vf_type *t = to_vf_type(mdev->type);
	bool serial = serialise;
	int r;

	if (serial)
		mutex_lock(&t->vf->gpu->create_lock);
	r = take(t);
	if (r == 0) {
		take_time();
		r = register_vgpu(mdev);
		if (r)
			give_back(t);
	}
	if (serial)
		mutex_unlock(&t->vf->gpu->create_lock);
	return r;
}

static void vgpu_remove(struct mdev_device *mdev)
{
	struct vgpu *vgpu = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&vgpu->vdev); /* waits for who has it open */
	vfio_put_device(&vgpu->vdev);
	give_back(to_vf_type(mdev->type));
}

static struct mdev_driver vgpu_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.driver = {
		.name = "nvidia-vgpu-vfio",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
		.dev_groups = vgpu_groups,
	},
	.probe = vgpu_probe,
	.remove = vgpu_remove,
	.get_available = get_available,
	.show_description = show_description,
};

/* --- PF and VFs */

static struct gpu *gpu_of(struct pci_dev *vf)
{
	struct pci_dev *pf = pci_physfn(vf);
	int domain = pci_domain_nr(pf->bus);
	struct gpu *gpu;

	list_for_each_entry(gpu, &gpus, list)
		if (gpu->domain == domain && gpu->bus == pf->bus->number &&
		    gpu->devfn == pf->devfn)
			return gpu;
	gpu = kzalloc(sizeof(*gpu), GFP_KERNEL);
	if (!gpu)
		return NULL;
	gpu->domain = domain;
	gpu->bus = pf->bus->number;
	gpu->devfn = pf->devfn;
	mutex_init(&gpu->create_lock);
	list_add(&gpu->list, &gpus);
	return gpu;
}

/* The directories are named after the driver that the VF has now. */
static void register_types(struct work_struct *work)
{
	struct vf *vf = container_of(work, struct vf, work.work);
	size_t i;
	int r;

	for (i = 0; i < N_PROFILES; i++) {
		struct vf_type *t = &vf->types[i];

		t->vf = vf;
		t->profile = &profiles[i];
		snprintf(t->id, sizeof(t->id), "%u", profiles[i].id + id_offset);
		t->type.sysfs_name = t->id;
		t->type.pretty_name = profiles[i].name;
		vf->type_list[i] = &t->type;
	}
	r = mdev_register_parent(&vf->parent, vf->dev, &vgpu_driver, vf->type_list,
				 N_PROFILES);
	if (r)
		dev_err(vf->dev, "no mdev parent: %d\n", r);
	vf->registered = r == 0;
}

static int vf_probe(struct pci_dev *pdev)
{
	struct vf *vf = kzalloc(sizeof(*vf), GFP_KERNEL);
	bool late;

	if (!vf)
		return -ENOMEM;
	vf->dev = &pdev->dev;
	mutex_lock(&lock);
	vf->gpu = gpu_of(pdev);
	mutex_unlock(&lock);
	if (!vf->gpu) {
		kfree(vf);
		return -ENOMEM;
	}
	pci_set_drvdata(pdev, vf);
	INIT_DELAYED_WORK(&vf->work, register_types);
	late = late_s && (late_bus == -1 || late_bus == vf->gpu->bus);
	if (late)
		schedule_delayed_work(&vf->work, late_s * HZ);
	else
		register_types(&vf->work.work);
	return 0;
}

static int nvidia_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	if (pdev->is_virtfn)
		return *vf_driver ? -ENODEV : vf_probe(pdev);
	return pdev->bus->number == missing_bus ? -ENODEV : 0;
}

static int other_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return pdev->is_virtfn ? vf_probe(pdev) : -ENODEV;
}

static void nvidia_remove(struct pci_dev *pdev)
{
	struct vf *vf = pci_get_drvdata(pdev);

	if (!vf)
		return; /* a PF: its VFs live on */
	cancel_delayed_work_sync(&vf->work);
	if (vf->registered)
		mdev_unregister_parent(&vf->parent);
	kfree(vf);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, NVIDIA_A40) },
	{ }
};

/* Without sriov_configure, as NVIDIA's: writing sriov_numvfs needs pci-pf-stub. */
static struct pci_driver nvidia_driver = {
	.name = "nvidia",
	.id_table = ids,
	.probe = nvidia_probe,
	.remove = nvidia_remove,
};

static struct pci_driver other_driver = {
	.id_table = ids,
	.probe = other_probe,
	.remove = nvidia_remove,
};

/* --- QEMU's function pretends to be a GPU, in what sysfs shows and drivers match */

static void disguise(struct pci_dev *pdev)
{
	/* The kernel gives a VF the vendor that its PF shows. */
	if (pdev->vendor != QEMU_VENDOR && pdev->vendor != PCI_VENDOR_ID_NVIDIA)
		return;
	if (pdev->device != QEMU_NVME)
		return;
	pdev->vendor = PCI_VENDOR_ID_NVIDIA;
	pdev->device = NVIDIA_A40;
	pdev->class = CLASS_3D;
}

static int bus_event(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == BUS_NOTIFY_ADD_DEVICE)
		disguise(to_pci_dev(data));
	return NOTIFY_OK;
}

static struct notifier_block bus_notifier = { .notifier_call = bus_event };

static void disguise_all(void)
{
	struct pci_dev *pdev = NULL;

	bus_register_notifier(&pci_bus_type, &bus_notifier);
	for_each_pci_dev(pdev)
		disguise(pdev);
}

static void free_gpus(void)
{
	struct gpu *gpu, *next;

	list_for_each_entry_safe(gpu, next, &gpus, list)
		kfree(gpu);
}

static int register_drivers(void)
{
	int r;

	if (*vf_driver) {
		other_driver.name = vf_driver;
		r = pci_register_driver(&other_driver);
		if (r)
			return r;
	}
	r = pci_register_driver(&nvidia_driver);
	if (r && *vf_driver)
		pci_unregister_driver(&other_driver);
	return r;
}

static int __init vgpu_test_init(void)
{
	int r = mdev_register_driver(&vgpu_driver);

	if (r)
		return r;
	disguise_all();
	r = register_drivers();
	if (r) {
		bus_unregister_notifier(&pci_bus_type, &bus_notifier);
		mdev_unregister_driver(&vgpu_driver);
	}
	return r;
}

static void __exit vgpu_test_exit(void)
{
	pci_unregister_driver(&nvidia_driver);
	if (*vf_driver)
		pci_unregister_driver(&other_driver);
	bus_unregister_notifier(&pci_bus_type, &bus_notifier);
	mdev_unregister_driver(&vgpu_driver);
	free_gpus();
}

module_init(vgpu_test_init);
module_exit(vgpu_test_exit);
MODULE_DESCRIPTION("plays NVIDIA's vGPU driver on QEMU's SR-IOV functions");
MODULE_VERSION("550.163.02");
MODULE_LICENSE("GPL");
